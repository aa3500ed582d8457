"""WFDB records that tests change."""

import numpy as np

from ml.corpus.simulator.heart import record
from ml.formats import LEADS, Recording
from ml.formats.wfdb import write_wfdb


def simulated(seed: int = 0) -> Recording:
    return record({"sinus_rhythm"}, np.random.default_rng(seed))


def simulated_files(seed: int = 0) -> dict[str, bytes]:
    return write_wfdb(simulated(seed), "r")


def record_of(columns: list[tuple[str, np.ndarray]], head: str = "r {signals} 500 {samples}") -> dict[str, bytes]:
    """Return a record of (fields of a signal line after the file's name, samples), one file, interleaved.

    `{first}` and `{sum}` in the fields are the first sample and the checksum.
    """
    lines = [head.format(signals=len(columns), samples=len(columns[0][1]))]
    for fields, samples in columns:
        checksum = (int(samples.sum()) + 32_768) % 65_536 - 32_768
        lines.append("r.dat " + fields.format(first=samples[0], sum=checksum))
    signals = np.stack([samples for _, samples in columns], axis=1).astype("<i2")
    return {"r.hea": ("\n".join(lines) + "\n").encode(), "r.dat": signals.tobytes()}


def lead_columns(seed: int = 0) -> list[tuple[str, np.ndarray]]:
    """Return the twelve leads as columns for `record_of`."""
    recording = simulated(seed)
    return [
        (f"16 {gain:.17g}/mV 16 0 {{first}} {{sum}} 0 {lead}", samples)
        for lead, gain, samples in zip(LEADS, recording.gain, recording.samples, strict=True)
    ]
