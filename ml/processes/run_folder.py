"""The folder of a run: its lock, and values that JSON can hold."""

import fcntl
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

RECORDINGS, MOST_RECORDINGS = "recordings", 100
"""The folder, in a run folder, of ECGs as `ml.formats.waveform` encodes them, and how many there are at most."""


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Lock the run folder. A second child of the same job waits until the first has ended."""
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def json_safe(value: Any) -> Any:
    """Return the value with None for NaN and infinity, which JSON does not have."""
    if isinstance(value, Mapping):
        return {key: json_safe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_safe(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
