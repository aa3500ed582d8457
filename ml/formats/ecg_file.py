"""What a file holds: the recording, facts about it, and statements of the machine and of over-readers.

Everything here is as the file says it. Names of readers, patient and order numbers are never stored as they are: who
stores them hashes them first. Text has not passed the removal of identifiers yet.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from ml.formats.recording import Recording
from ml.labeling.findings import Code

Source = Literal["machine", "overread"]
Known = Literal["yes", "no", "unknown"]
QtcFormula = Literal["bazett", "fridericia", "framingham", "hodges"]


@dataclass(frozen=True, kw_only=True)
class Measurements:
    """What the device measured, None where it says nothing. Ours (`ml.measurements`) are never put here.

    Attributes
    ----------
    heart_rate
        Beats a minute, of the ventricles.
    pr_ms, qrs_ms, qt_ms, qtc_ms
        Intervals in milliseconds.
    qtc_formula
        `bazett`, `fridericia`, `framingham`, `hodges`, or None: not said.
    p_axis, qrs_axis, t_axis
        Frontal axes in degrees, -180 to 180.
    """

    heart_rate: float | None = None
    pr_ms: float | None = None
    qrs_ms: float | None = None
    qt_ms: float | None = None
    qtc_ms: float | None = None
    qtc_formula: str | None = None
    p_axis: float | None = None
    qrs_axis: float | None = None
    t_axis: float | None = None


class Range(NamedTuple):
    """The least and the greatest value that is taken, inclusive, and the unit."""

    lowest: float
    highest: float
    unit: str


_RATE = Range(0, 1000, "beats a minute")
_INTERVAL = Range(0, 5000, "milliseconds")
_AXIS = Range(-180, 180, "degrees")
MEASURED: dict[str, Range] = {
    "heart_rate": _RATE,
    "pr_ms": _INTERVAL,
    "qrs_ms": _INTERVAL,
    "qt_ms": _INTERVAL,
    "qtc_ms": _INTERVAL,
    "p_axis": _AXIS,
    "qrs_axis": _AXIS,
    "t_axis": _AXIS,
}
"""The numbers among `Measurements`, by their names."""


FOLDS = (0, 999)
"""The lowest and the highest number of a fold."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a file says of the recording besides the signal, None where it says nothing.

    A `recorded_at` without an offset is the local time of the site. `location` is the care unit. `patient_id` and
    `order_id` are stored only as keyed hashes; `patient_hash` and `order_hash` (64 hexadecimal digits) are such hashes
    already, and are kept as they are. `age` is in years. `simulated`: no patient was ever attached to the signal.
    `fold`: the part of a cross-validation that the source puts the ECG in, within `FOLDS`.
    """

    recorded_at: datetime | None = None
    site: str | None = None
    location: str | None = None
    device: str | None = None
    device_software: str | None = None
    age: float | None = None
    sex: Literal["male", "female"] | None = None
    patient_id: str | None = None
    order_id: str | None = None
    patient_hash: str | None = None
    order_hash: str | None = None
    simulated: bool | None = None
    fold: int | None = None
    measurements: Measurements = field(default_factory=Measurements)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One reading of the recording: text, codes, or both; the codes are then what is labelled.

    `reader` is the name that the source gives, stored only as a pseudonym; `reader_pseudonym` is one already, and is
    kept as it is. An `authored_at` without an offset is the local time of the site. `final`: the source calls it the
    adjudicated reading, which outweighs others; one that is only confirmed is `validated`. `blinded`: whether this
    reader had not seen the machine's text. `validated`: whether a person has confirmed it.
    """

    source: Source
    text: str | None = None
    codes: tuple[Code, ...] = ()
    reader: str | None = None
    reader_pseudonym: str | None = None
    authored_at: datetime | None = None
    final: bool = False
    blinded: Known = "unknown"
    validated: Known = "unknown"


@dataclass(frozen=True)
class EcgFile:
    """What the files of one record hold."""

    recording: Recording
    facts: Facts = field(default_factory=Facts)
    readings: tuple[Reading, ...] = ()
