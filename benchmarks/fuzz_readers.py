"""Mutations of the files of every format: each is read, or refused with a reason, soon and in little memory.

    python -m benchmarks.fuzz_readers [--count 100000] [--first 0] [--only SCP-ECG] [--shared ../shared/data]

`count` mutations of each format, from the number `first` on, spread over its made files and the real ones. One process.
Prints a row a format: how many were read and refused, the reasons that were given most, the slowest in processor
seconds, and by how much the process grew. The first mutation that raises anything else, or takes more than the bounds
of the tests, ends it with its number: the same number gives the same bytes.
"""

import argparse
import random
import resource
from collections import Counter
from pathlib import Path

from ml.formats import FORMATS, Unreadable, read
from tests.cost import MOST_LOOPS, loop_s, timed
from tests.ml.formats.test_mutations import LARGEST_KB, MADE, REAL, VARIANTS, Files, mutated


def seeds_of(name: str, shared: Path) -> list[Files]:
    """Return the records of a format that are mutated: made ones, and those of the folder of real ones."""
    seeds = [MADE[name], *(files for variant, files in VARIANTS.items() if variant.startswith(f"{name} "))]
    paths = sorted(shared.glob(REAL[name])) if name in REAL else []
    records = [paths] if name == "WFDB" else [[path] for path in paths]
    return seeds + [{path.name: path.read_bytes() for path in record} for record in records if record]


def fuzz(name: str, seeds: list[Files], numbers: range) -> str:
    """Return the row of a format. Raises `AssertionError` where a bound was exceeded."""
    outcomes: Counter[str] = Counter()
    slowest, bound = 0.0, MOST_LOOPS * loop_s()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in numbers:
        changed = mutated(seeds[number % len(seeds)], random.Random(f"{name} {number}"))
        with timed() as clock:
            try:
                read(changed)
            except Unreadable as error:
                assert error.reasons, (name, number)
                outcomes[error.reasons[0].code] += 1
            except BaseException:
                print(f"{name}: mutation {number} raised")
                raise
            else:
                outcomes["read"] += 1
        slowest = max(slowest, clock.seconds)
        assert clock.seconds < bound, (name, number, clock.seconds)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < LARGEST_KB, (name, grown)
    was_read = outcomes.pop("read", 0)
    reasons = ", ".join(f"{code} {times:,}" for code, times in outcomes.most_common(3))
    count = len(numbers)
    refused = count - was_read
    return f"| {name} | {count:,} | {was_read:,} | {refused:,} | {reasons} | {slowest:.2f} s | {grown / 1000:.0f} MB |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", choices=[file_format.name for file_format in FORMATS])
    parser.add_argument("--shared", type=Path, default=Path("../shared/data"))
    options = parser.parse_args()
    numbers = range(options.first, options.first + options.count)
    print("| format | mutations | read | refused | the most frequent reasons | slowest | memory |")
    print("|---|--:|--:|--:|---|--:|--:|")
    for file_format in FORMATS:
        if options.only in (None, file_format.name):
            print(fuzz(file_format.name, seeds_of(file_format.name, options.shared), numbers), flush=True)


if __name__ == "__main__":
    main()
