"""WFDB records of several segments."""

import numpy as np

from ml.formats import LEADS, Recording
from ml.formats.wfdb import write_wfdb
from tests.ml.formats.records import simulated

Files = dict[str, bytes]
WHOLE = simulated(5)


def piece(name: str, begin: int, end: int, *, leads: tuple[str, ...] = LEADS, finer: int = 1) -> Files:
    """Return a segment as `write_wfdb` writes it, with some of its leads."""
    samples = WHOLE.samples[:, begin:end] * finer
    files = write_wfdb(Recording(samples, WHOLE.gain * finer, 500.0), name)
    head, *lines = files[f"{name}.hea"].decode().splitlines()
    kept = [line for line in lines if line.split()[-1] in leads]
    columns = np.frombuffer(files[f"{name}.dat"], "<i2").reshape(-1, 12)[:, [LEADS.index(lead) for lead in leads]]
    header = "\n".join([head.replace(" 12 ", f" {len(leads)} "), *kept, ""])
    return {f"{name}.hea": header.encode(), f"{name}.dat": columns.tobytes()}


def fixed(*ends: int) -> Files:
    files: Files = {}
    lines = []
    for number, (begin, end) in enumerate(zip((0, *ends), ends, strict=False)):
        files |= piece(f"s{number}", begin, end)
        lines.append(f"s{number} {end - begin}")
    main = "\n".join([f"r/{len(lines)} 12 500 {ends[-1]}", *lines, "# Age: 70", ""])
    return {"r.hea": main.encode(), **files}


def variable() -> Files:
    """Return a layout, 1 s of 12 leads, a gap of 0.5 s, 1 s of 11 leads with other gains, 1 s of 12 leads."""
    layout = "\n".join(["lay 12 500 0", *(f"~ 0 1000/mV 16 0 0 0 0 {lead}" for lead in LEADS), ""])
    main = "r/5 12 500 1750 10:00:00 01/02/2020\nlay 0\na 500\n~ 250\nb 500\nc 500\n"
    return {
        "r.hea": main.encode(),
        "lay.hea": layout.encode(),
        **piece("a", 0, 500),
        **piece("b", 750, 1250, leads=LEADS[:11], finer=3),
        **piece("c", 1250, 1750),
    }
