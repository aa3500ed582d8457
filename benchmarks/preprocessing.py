"""Windows a second: `ml.signals.preprocess` against the SciPy script one would write, paired in one run.

    python benchmarks/preprocessing.py [--ptbxl FOLDER] [--records 100] [--rounds 7]

One core, 500 Hz, 12 leads, 10 s. The two take turns on the same signals, so that whatever slows the machine slows
both. With a PTB-XL folder the signals are its records; otherwise they are noise, which costs the same.
"""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy
from scipy.signal import butter, filtfilt, iirnotch

from ml.formats import read
from ml.signals import Preprocessing, preprocess

RATE_HZ = 500.0


def script(signal_mv: np.ndarray) -> np.ndarray:
    """Do what a common script does; `padding="odd"` gives the same numbers."""
    window = signal_mv[:, :5000:2]
    window = filtfilt(*butter(2, 0.5, "highpass", fs=250), window)
    window = (window - window.mean(axis=1, keepdims=True)) / window.std(axis=1, keepdims=True)
    for mains_hz in (50, 60):
        window = filtfilt(*iirnotch(mains_hz, 30, fs=250), window)
    return window.astype(np.float32)


def ours(signal_mv: np.ndarray) -> np.ndarray:
    """Do what the service does, checks included."""
    window: np.ndarray = preprocess(signal_mv, RATE_HZ).values[0]
    return window


def signals(folder: Path | None, count: int) -> list[np.ndarray]:
    """Read records of a folder, or draw noise."""
    if folder is None:
        return list(np.random.default_rng(0).normal(0, 0.3, (count, 12, 5000)))
    headers = sorted(folder.rglob("*_hr.hea"))[:count]
    return [
        read({part.name: part.read_bytes() for part in (header, header.with_suffix(".dat"))}).recording.millivolts()
        for header in headers
    ]


def windows_per_second(way: Callable[[np.ndarray], np.ndarray], records: list[np.ndarray]) -> float:
    """Time one way over all records."""
    start = time.perf_counter()
    for record in records:
        way(record)
    return len(records) / (time.perf_counter() - start)


def main() -> None:
    """Print both rates, their ratio, and how far the odd option is from the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ptbxl", type=Path)
    parser.add_argument("--records", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    records = signals(arguments.ptbxl, arguments.records)
    ours(records[0]), script(records[0])
    pairs = [(windows_per_second(ours, records), windows_per_second(script, records)) for _ in range(arguments.rounds)]
    odd = Preprocessing(padding="odd")
    apart = max(np.abs(preprocess(one, RATE_HZ, odd).values[0] - script(one)).max() for one in records)
    edges = statistics.median(float(np.abs(ours(one) - script(one)).max()) for one in records)
    print(f"{platform.platform()}, {platform.machine()}, one of {os.cpu_count()} cores")
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, SciPy {scipy.__version__}")
    print(f"{len(records)} {'PTB-XL records' if arguments.ptbxl else 'noise signals'}, {len(pairs)} rounds, medians")
    print(f"ours    {statistics.median(a for a, _ in pairs):8.0f} windows/s")
    print(f"script  {statistics.median(b for _, b in pairs):8.0f} windows/s")
    print(f"ratio   {statistics.median(a / b for a, b in pairs):8.2f}")
    print(f"padding='odd' from the script: at most {apart:.1e} SD")
    print(f"symmetric from odd padding: {edges:.2f} SD at the median record's maximum")


if __name__ == "__main__":
    main()
