"""How the starter model's decisions stand still on real ECGs: the table of docs/measurements/stability.md.

    python -m benchmarks.stability --ptbxl FOLDER [--bundle BUNDLE] [--count 353] [--write]

Each raw record of the PTB-XL folder is changed as `ml.inference.stability` says. `--write` puts what was measured into
the bundle's manifest and card. The numbers for other counts of threads come from processes of their own.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from ml.bundles.bundle import Manifest, Stability, amend, read_manifest
from ml.bundles.card import rewritten, standing_still
from ml.formats.disk import record_named
from ml.inference.predictor import Predictor
from ml.inference.stability import Ecg, measure
from ml.starter import BUNDLE
from ml.starter.card import CARD, card

THREADS = (1, 2, 4)
FEW = 20


def recordings(folder: Path, count: int) -> Iterator[Ecg]:
    """Yield raw records, evenly spread over the folder."""
    headers = sorted((folder / "records500").rglob("*.hea"))
    for header in headers[:: max(1, len(headers) // count)][:count]:
        record = record_named(header)
        assert record is not None
        recording = record.read().recording
        yield recording.millivolts(), recording.sampling_rate_hz


def described(folder: Path, manifest: Manifest) -> dict[str, bytes]:
    """Return the card of a bundle: the starter's has words of its own."""
    return {CARD: card(manifest)} if manifest.architecture == "beatnet" else rewritten(folder, manifest)


def answers(bundle: Path, ptbxl: Path) -> str:
    """Return a model's answers for a few ECGs as text."""
    predictor = Predictor(bundle, "cpu")
    return json.dumps([predictor.predict(*ecg) for ecg in recordings(ptbxl, FEW)])


def by_threads(bundle: Path, ptbxl: Path) -> dict[int, str]:
    """Return the answers of processes that differ in their number of threads."""
    found = {}
    for threads in THREADS:
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        command = [sys.executable, "-m", "benchmarks.stability", "--answers", "--bundle", str(bundle)]
        done = subprocess.run(
            [*command, "--ptbxl", str(ptbxl)],
            env={**os.environ, **dict.fromkeys(names, str(threads))},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        found[threads] = done.stdout
    return found


def main() -> None:
    """Measure, print the table, and write it into the bundle where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ptbxl", type=Path, required=True)
    parser.add_argument("--bundle", type=Path, default=BUNDLE)
    parser.add_argument("--count", type=int, default=353)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--answers", action="store_true", help="print the answers for a few ECGs and nothing else")
    given = parser.parse_args()
    if given.answers:
        print(answers(given.bundle, given.ptbxl))
        return
    began = time.monotonic()
    source = "raw records of PTB-XL at 500 Hz (folds 1–8: the model has seen most of them)"
    found: Stability = measure(Predictor(given.bundle, "cpu"), recordings(given.ptbxl, given.count), source)
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{read_manifest(given.bundle).preset}: {time.monotonic() - began:.0f} s\n")
    print(standing_still(found))
    same = set(by_threads(given.bundle, given.ptbxl).values())
    print(
        f"\n{FEW} ECGs with {', '.join(map(str, THREADS))} threads: {'the same bytes' if len(same) == 1 else 'differ'}"
    )
    if given.write:
        amend(given.bundle, {"stability": found.model_dump()}, lambda manifest: described(given.bundle, manifest))


if __name__ == "__main__":
    main()
