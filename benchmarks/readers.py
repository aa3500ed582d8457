"""Every real file of a folder as its reader sees it, and how long that takes.

    python benchmarks/readers.py FOLDER... [--rounds 5]

One core. Prints a row a file: format, samples a lead, rate, range in mV, the sources of its readings, and the best time
of some rounds. Times are of `ml.formats.read` alone: no file access, no checks of the signal.
"""

import argparse
import platform
import time
from pathlib import Path

from ml.formats import EcgFile, Unreadable
from ml.formats.disk import RecordOnDisk, read_file, record_at


def best_ms(record: RecordOnDisk, rounds: int) -> tuple[float, EcgFile]:
    """Return the shortest time of some readings, in processor milliseconds, and what was read."""
    files = {path.name: read_file(path) for path in (record.main, *record.beside)}
    times = []
    for _ in range(rounds):
        began = time.process_time()
        file = record.file_format.read(files)
        times.append(time.process_time() - began)
    return 1000 * min(times), file


def row(path: Path, rounds: int) -> str | None:
    """Return the row of a file, None where it is no main file of a known format."""
    if (record := record_at(path)) is None:
        return None
    try:
        milliseconds, file = best_ms(record, rounds)
    except Unreadable as error:
        return f"| {path.name} | {record.file_format.name} | refused: {error} |"
    signal_mv = file.recording.millivolts()
    sources = " ".join(reading.source for reading in file.readings) or "–"
    shown = f"{signal_mv.shape[1]:,} | {file.recording.sampling_rate_hz:g} Hz"
    span = f"{signal_mv.min():.2f} to {signal_mv.max():.2f} mV"
    return f"| {path.name} | {record.file_format.name} | {shown} | {span} | {sources} | {milliseconds:.1f} ms |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}")
    for folder in options.folders:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            if line := row(path, options.rounds):
                print(line)


if __name__ == "__main__":
    main()
