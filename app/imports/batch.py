"""One line of an import, and a batch of lines that is stored at once."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple


class Facts(NamedTuple):
    """What a line says of the ECG, None: nothing. Times are ISO 8601, hashes hexadecimal.

    Fields are columns of `ecgs`. Measurements are the device's, within `app.ecgs.measurements.MEASURED`.
    """

    recorded_at: str | None = None
    site: str | None = None
    device: str | None = None
    device_software: str | None = None
    sex: str | None = None
    age: float | None = None
    patient_hash: str | None = None
    simulated: bool | None = None
    location: str | None = None
    order_hash: str | None = None
    heart_rate: float | None = None
    pr_ms: float | None = None
    qrs_ms: float | None = None
    qt_ms: float | None = None
    qtc_ms: float | None = None
    qtc_formula: str | None = None
    p_axis: float | None = None
    qrs_axis: float | None = None
    t_axis: float | None = None


class Line(NamedTuple):
    """One report of the ECG with this `record`. `codes` is JSON; of it and `text` not both are None."""

    record: str
    facts: Facts
    source: str
    reader: str
    text: str | None
    codes: str | None
    authored_at: str | None
    final: bool
    blinded: str = "unknown"
    validated: str = "unknown"


Said = tuple[str | None, str | None]  # text, codes


class ArrivingReport(NamedTuple):
    """A report; its ECG and its text are given by their places in the batch.

    `turn`: 1 for the first line of an ECG, source and reader in the batch, 2 for the second, …
    """

    ecg: int
    said: int
    source: str
    reader: str
    authored_at: str | None
    final: bool
    blinded: str
    validated: str
    turn: int


class Batch:
    """Lines by what they name: each ECG once with its facts, each text once, and the reports that refer to both."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.ecgs: dict[str, Facts] = {}
        self.said: dict[Said, int] = {}
        self.reports: list[ArrivingReport] = []
        self.conflicts: Counter[str] = Counter()
        places: dict[str, int] = {}
        turns: dict[tuple[int, str, str], int] = {}
        for line in lines:
            place = places.setdefault(line.record, len(places))
            known = self.ecgs.setdefault(line.record, line.facts)
            if known is not line.facts and known != line.facts:
                self.ecgs[line.record] = self._together(known, line.facts)
            said = self.said.setdefault((line.text, line.codes), len(self.said))
            key = (place, line.source, line.reader)
            turn = turns[key] = turns.get(key, 0) + 1
            known_of = (line.source, line.reader, line.authored_at, line.final, line.blinded, line.validated)
            self.reports.append(ArrivingReport(place, said, *known_of, turn))

    def _together(self, known: Facts, also: Facts) -> Facts:
        """Return the known facts, with the missing ones filled in; count those that differ."""
        filled: dict[str, Any] = known._asdict()
        for name, value in also._asdict().items():
            if filled[name] is None:
                filled[name] = value
            elif value is not None and value != filled[name]:
                self.conflicts[name] += 1
        return Facts(**filled)
