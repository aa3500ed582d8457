"""One ECG of an archive, or what could not be read of it."""

from dataclasses import dataclass, field
from pathlib import Path

from ml.formats.ecg_file import Facts, Reading
from ml.formats.recording import Reason


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One ECG of an archive: what its tables say, and where its signal lies.

    Attributes
    ----------
    record
        The name its source gives it, unique within the kind of archive, such as `ptbxl/17`. None: the source gives
        none that may be kept, and the waveform is the identity.
    signal
        The main file of its waveform (it may not exist; `ml.formats.disk` reads it); None: only reports are known.
    facts, readings
        What the tables say. What the signal's own file says is added where they say nothing.
    """

    record: str | None
    signal: Path | None = None
    facts: Facts = field(default_factory=Facts)
    readings: tuple[Reading, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """A row or a file that cannot be taken, and why. `place` is a path below the archive's folder, or a row of it."""

    place: str
    reasons: tuple[Reason, ...]
