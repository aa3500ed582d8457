"""One line of an import, and a batch of lines that is stored at once."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple


class Facts(NamedTuple):
    """What a line says of the ECG, None: nothing. Times are ISO 8601, hashes hexadecimal.

    Fields are columns of `ecgs`. Measurements are the device's, within `ml.formats.ecg_file.MEASURED`.
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
    fold: int | None = None


class Waveform(NamedTuple):
    """A stored waveform: its digest in hex (`ml.formats.waveform`), samples a lead, and sampling rate."""

    sha256: str
    samples: int
    sampling_rate_hz: float


class SeenFile(NamedTuple):
    """A record's files as they were when they were read: keyed hashes of folder and path, looks, hash, waveform.

    `waveform` is None where the files were refused. `shown` is the path as people may see it.
    """

    folder: bytes
    path: bytes
    shown: str
    size: int
    modified_ns: int
    sha256: bytes | None
    waveform: Waveform | None


class Line(NamedTuple):
    """One report of an ECG. `codes` is JSON; of it and `text` not both are None.

    The ECG is known by its `waveform`, which is durable already, else by its `record`; one of the two is there. Without
    a `source` the line says of the ECG, and has no report.
    """

    record: str | None
    facts: Facts
    source: str | None
    reader: str
    text: str | None
    codes: str | None
    authored_at: str | None
    final: bool
    blinded: str = "unknown"
    validated: str = "unknown"
    waveform: Waveform | None = None
    file: SeenFile | None = None


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


class ArrivingEcg(NamedTuple):
    """An ECG and what a batch says of it."""

    record: str | None
    waveform: Waveform | None
    facts: Facts


class Batch:
    """Lines by what they name: each ECG once with its facts, each text once, and the reports that refer to both.

    Attributes
    ----------
    places
        The place of each line's ECG among `ecgs`; None: its record is that of another waveform of the batch.
    files
        What was read, with the places of ECGs.
    """

    def __init__(self, lines: Iterable[Line]) -> None:
        self.ecgs: list[ArrivingEcg] = []
        self.said: dict[Said, int] = {}
        self.reports: list[ArrivingReport] = []
        self.conflicts: Counter[str] = Counter()
        self.places: list[int | None] = []
        self.files: list[tuple[int, SeenFile]] = []
        self._by_record: dict[str, int] = {}
        self._by_waveform: dict[str, int] = {}
        turns: dict[tuple[int, str, str], int] = {}
        for line in lines:
            place = self._place(line)
            self.places.append(place)
            if place is None:
                continue
            if line.file is not None:
                self.files.append((place, line.file))
            if line.source is None:
                continue
            said = self.said.setdefault((line.text, line.codes), len(self.said))
            key = (place, line.source, line.reader)
            turn = turns[key] = turns.get(key, 0) + 1
            known_of = (line.source, line.reader, line.authored_at, line.final, line.blinded, line.validated)
            self.reports.append(ArrivingReport(place, said, *known_of, turn))

    @property
    def has_waveforms(self) -> bool:
        """Whether any ECG of the batch has a waveform."""
        return bool(self._by_waveform)

    def _place(self, line: Line) -> int | None:
        """Return the place of a line's ECG, with what the line says of it added; None where the record is taken."""
        record, waveform = line.record, line.waveform
        place = self._by_waveform.get(waveform.sha256) if waveform is not None else None
        if place is None and record is not None:
            place = self._by_record.get(record)
            if place is not None and waveform is not None and self.ecgs[place].waveform is not None:
                return None
        if place is None:
            place = len(self.ecgs)
            self.ecgs.append(ArrivingEcg(record, waveform, line.facts))
        else:
            self._add(place, line)
        if waveform is not None:
            self._by_waveform[waveform.sha256] = place
        if record is not None and self.ecgs[place].record == record:  # else the ECG has another name
            self._by_record[record] = place
        return place

    def _add(self, place: int, line: Line) -> None:
        """Add what a line says of an ECG of the batch; what differs is counted."""
        record, waveform, facts = known = self.ecgs[place]
        if record is None and line.record not in self._by_record:
            record = line.record
        elif line.record not in (None, record):
            self.conflicts["record"] += 1
        if facts is not line.facts and facts != line.facts:
            facts = self._together(facts, line.facts)
        if (record, waveform or line.waveform, facts) != known:
            self.ecgs[place] = ArrivingEcg(record, waveform or line.waveform, facts)

    def _together(self, known: Facts, also: Facts) -> Facts:
        """Return the known facts, with the missing ones filled in; count those that differ."""
        filled: dict[str, Any] = known._asdict()
        for name, value in also._asdict().items():
            if filled[name] is None:
                filled[name] = value
            elif value is not None and value != filled[name]:
                self.conflicts[name] += 1
        return Facts(**filled)
