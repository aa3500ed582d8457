"""MIMIC-IV-ECG (Gow et al. 2023, ODbL; https://physionet.org/content/mimic-iv-ecg): the machine's reports, and notes.

`machine_measurements.csv` holds the machine's statements (`report_0` to `report_17`, some empty) and the times of its
waves; `record_list.csv` says where the records lie. Cardiologists' notes are not part of it. Who has them gives their
file as `notes`; `waveform_note_links.csv` says which ECG a note is about. The notes were announced for MIMIC-IV-Note,
so their columns are assumed to be that module's (`note_id`, `text`, `charttime`); `note_columns` changes that. Whether
a cardiologist had seen the machine's report is not documented: `blinded` is unknown. Times are of the cart's own
clock, in shifted years. The cart is given as the device.
"""

from collections.abc import Iterator
from pathlib import Path

from ml.archives.cells import LONGEST_TEXT, Cells, as_number
from ml.archives.column_map import column_map
from ml.archives.entry import Entry, Rejected
from ml.archives.kind import ArchiveKind, Found, Option, Options
from ml.archives.measured import measured
from ml.archives.tables import read_table
from ml.archives.walk import folders_with
from ml.formats.ecg_file import Facts, Measurements, Reading

RECORDS = "record_list.csv"
MACHINE = "machine_measurements.csv"
LINKS = "waveform_note_links.csv"
REPORTS = tuple(f"report_{number}" for number in range(18))
NOTE_COLUMNS = {"note_id": "note_id", "text": "text", "authored_at": "charttime"}
SITE = "mimic-iv"
LONGEST_MS = 5_000  # 29999 and the like stand for "not measured"

_MEASURED = ("rr_interval", "p_onset", "qrs_onset", "qrs_end", "t_end", "p_axis", "qrs_axis", "t_axis")


def read(path: Path, options: Options) -> Iterator[Found]:
    """Yield an entry a row of the machine's table, then the records that have none, then an entry a note.

    A note comes by itself, under the record of its ECG. In memory are the records' paths (about 200 bytes each) and the
    numbers of the notes.
    """
    folder = folders_with(path, MACHINE)[0]
    note_columns = column_map(options.get("note_columns", ""), NOTE_COLUMNS, "note_columns")
    paths: dict[int, str] = {}
    yield from _paths(folder, paths)
    required, optional = ("subject_id", "study_id", "ecg_time"), ("cart_id", *REPORTS, *_MEASURED)
    for row in read_table(folder / MACHINE, required, optional):
        yield row if isinstance(row, Rejected) else _entry(Cells(row), folder, paths)
    for study, left in paths.items():
        yield Entry(record=_record(study), signal=_header(folder, left), facts=Facts(site=SITE))
    if "notes" in options:
        yield from _notes(folder / LINKS, Path(options["notes"]), note_columns)


def _record(study: int | None) -> str:
    return f"mimic-iv-ecg/{study}"


def _study(cells: Cells) -> int | None:
    cells.required("study_id")
    return cells.whole("study_id")


def _header(folder: Path, path: str | None) -> Path | None:
    return None if path is None else folder / f"{path}.hea"


def _paths(folder: Path, paths: dict[int, str]) -> Iterator[Rejected]:
    """Add the records' paths by study, and yield the rows that cannot be taken."""
    for row in read_table(folder / RECORDS, ("study_id", "path")):
        if isinstance(row, Rejected):
            yield row
            continue
        cells = Cells(row)
        cells.required("path")
        study, path = _study(cells), cells.path("path", folder)
        if study is None or path is None or cells.reasons:
            yield cells.rejected()
        else:
            paths[study] = path.relative_to(folder).as_posix()


def _entry(cells: Cells, folder: Path, paths: dict[int, str]) -> Found:
    """Return the ECG of a row of the machine's table, and take its path from those that wait."""
    study, subject, cart = _study(cells), cells.whole("subject_id"), cells.whole("cart_id")
    text = "\n".join(line for line in (cells.text(report) for report in REPORTS) if line)
    if len(text) > LONGEST_TEXT:
        cells.wrong("report_0", f"and the following are longer than {LONGEST_TEXT:,} characters", "too_large")
    facts = Facts(
        recorded_at=cells.time("ecg_time"),
        site=SITE,
        device=None if cart is None else f"cart {cart}",
        patient_id=None if subject is None else f"mimic-iv/{subject}",
        measurements=_measurements(cells),
    )
    if study is None or cells.reasons:
        return cells.rejected()
    readings = (Reading(source="machine", text=text),) if text else ()
    return Entry(record=_record(study), signal=_header(folder, paths.pop(study, None)), facts=facts, readings=readings)


def _measurements(cells: Cells) -> Measurements:
    """Return intervals from the times of the waves' beginnings and ends, in ms within the beat."""
    values = {name: as_number(cells.raw(name)) for name in _MEASURED}
    at = {name: value for name, value in values.items() if value is not None and abs(value) <= LONGEST_MS}
    spans = {"pr_ms": ("p_onset", "qrs_onset"), "qrs_ms": ("qrs_onset", "qrs_end"), "qt_ms": ("qrs_onset", "t_end")}
    intervals = {name: at[end] - at[start] for name, (start, end) in spans.items() if start in at and end in at}
    rate = round(60_000 / at["rr_interval"], 1) if at.get("rr_interval", 0) > 0 else None
    return measured(
        {"heart_rate": rate, **intervals, **{axis: values[axis] for axis in ("p_axis", "qrs_axis", "t_axis")}}
    )


def _notes(links: Path, notes: Path, columns: dict[str, str]) -> Iterator[Found]:
    """Yield an over-read a note, by the ECG that it is linked to."""
    studies: dict[str, int] = {}
    for row in read_table(links, ("study_id", "note_id")):
        if isinstance(row, Rejected):
            yield row
            continue
        cells = Cells(row)
        study = _study(cells)
        if study is None:
            yield cells.rejected()
        elif note := cells.raw("note_id"):  # an ECG that nobody read has none
            studies[note] = study
    for row in read_table(notes, (columns["note_id"], columns["text"]), (columns["authored_at"],)):
        yield row if isinstance(row, Rejected) else _note(Cells(row), studies, columns)


def _note(cells: Cells, studies: dict[str, int], columns: dict[str, str]) -> Found:
    cells.required(columns["text"])
    study = studies.get(cells.raw(columns["note_id"]))
    if study is None:
        cells.wrong(columns["note_id"], f"is not in {LINKS}", "unknown_record")
    text, authored_at = cells.text(columns["text"]), cells.time(columns["authored_at"])
    if cells.reasons:
        return cells.rejected()
    reading = Reading(source="overread", text=text, authored_at=authored_at)
    return Entry(record=_record(study), facts=Facts(site=SITE), readings=(reading,))


KIND = ArchiveKind(
    "mimic-iv-ecg",
    "MIMIC-IV-ECG: the machine's reports and measurements, and cardiologists' notes where you have them",
    read,
    (
        Option("notes", "a CSV table of cardiologists' notes", is_path=True),
        Option("note_columns", "its columns, where they are named otherwise: note_id=…,text=…,authored_at=…"),
    ),
)
