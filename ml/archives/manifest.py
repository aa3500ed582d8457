"""A table that people write themselves: a row is one ECG with a machine report, an over-read, or both.

CSV or Parquet; `COLUMNS` says what each column holds, and `docs/reference/manifest.md` shows it. An export writes
`pairs.parquet` with the same columns, so that what was taken out goes in again.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, get_args

from ml.archives.cells import Cells
from ml.archives.code_list import BadCodeList, parse_codes
from ml.archives.entry import Entry, Rejected
from ml.archives.kind import ArchiveKind, BadArchive, Found, Option, Options
from ml.archives.parquet import is_parquet, parquet_header, read_parquet
from ml.archives.tables import Row, header_of, read_table
from ml.formats.ecg_file import FOLDS, MEASURED, Facts, Known, Measurements, QtcFormula, Reading
from ml.formats.written import MAX_AGE
from ml.labeling.findings import Code

COLUMNS = {
    "record": "the name of the recording; unique in the service",
    "path": "its file, below the manifest's folder; of several files the main one, such as the header",
    "machine_text": "the machine's report",
    "machine_codes": "the machine's statements as codes, `SCP:IMI SCP:LVH@0.5`",
    "machine_authored_at": "when the machine wrote it",
    "overread_text": "the over-read",
    "overread_codes": "the over-read as codes; where there are codes, they are what is labelled",
    "reader": "who read it; stored as a pseudonym",
    "reader_pseudonym": "who read it, kept as it is written (from an export)",
    "authored_at": "when the over-read was written",
    "final": "`true` where it is the adjudicated over-read",
    "blinded": "`yes` where the reader had not seen the machine's report, else `no` or `unknown`",
    "validated": "`yes` where a person has confirmed the over-read, else `no` or `unknown`",
    "patient_id": "the patient's number; stored as a keyed hash",
    "patient_hash": "such a hash, kept as it is (64 hexadecimal digits, from an export)",
    "order_id": "the order's number; stored as a keyed hash",
    "order_hash": "such a hash, kept as it is (from an export)",
    "recorded_at": "when it was recorded; without an offset the local time of the site",
    "site": "the site",
    "location": "the care unit",
    "device": "the device",
    "device_software": "the version of the device's program",
    "age": "years",
    "sex": "`male` or `female`",
    "simulated": "`true` where no patient was ever attached to it",
    "fold": "the fold of a cross-validation, 0 to 999; a dataset can be split by it",
    "heart_rate": "beats a minute, as the device measured it (so are the following)",
    "pr_ms": "milliseconds",
    "qrs_ms": "milliseconds",
    "qt_ms": "milliseconds",
    "qtc_ms": "milliseconds",
    "qtc_formula": "`bazett`, `fridericia`, `framingham` or `hodges`",
    "p_axis": "degrees, -180 to 180",
    "qrs_axis": "degrees",
    "t_axis": "degrees",
}
NAMES = ("manifest.csv", "manifest.parquet", "pairs.parquet")
EXAMPLE = """\
record,path,machine_text,overread_text,reader,authored_at,blinded,site,location,device,recorded_at,patient_id
2026-03-01/0042,ecgs/0042.hea,"Sinus rhythm
Left axis deviation",Sinus rhythm,dr-a,2026-03-01 10:15:00,no,north,emergency,MAC 2000,2026-03-01 09:58:00,4711
2026-03-01/0043,,Atrial fibrillation,Atrial flutter,dr-b,2026-03-01 11:02:00,no,north,ward 3,MAC 2000,,4712
"""

_SEXES: dict[str, Literal["male", "female"]] = {"male": "male", "m": "male", "female": "female", "f": "female"}
_KNOWN: dict[str, Known] = {"yes": "yes", "true": "yes", "no": "no", "false": "no", "unknown": "unknown"}
_FORMULAS: dict[str, str] = {formula: formula for formula in get_args(QtcFormula)}
_ONE_OF_BOTH = (("patient_id", "patient_hash"), ("order_id", "order_hash"), ("reader", "reader_pseudonym"))
_OF_AN_OVERREAD = ("reader", "reader_pseudonym", "authored_at", "final")
_HASH = re.compile(r"[0-9a-f]{64}")


def read(path: Path, options: Options) -> Iterator[Found]:
    """Yield an entry a row, in the table's order. `path` is the table, or a folder with one by a name of `NAMES`."""
    path = _table(path)
    for row in _rows(path, options.get("ignore_columns", "")):
        yield row if isinstance(row, Rejected) else entry_of(row, path.parent)


def entry_of(row: Row, folder: Path) -> Found:
    """Return the ECG of a row; its path is below `folder`."""
    cells = Cells(row)
    entry = Entry(
        record=cells.name("record"),
        signal=cells.path("path", folder),
        facts=_facts(cells),
        readings=_readings(cells),
    )
    for name, kept in _ONE_OF_BOTH:
        if cells.raw(name) and cells.raw(kept):
            cells.wrong(kept, f"is given, and {name} too")
    if not cells.reasons and entry.record is None and entry.signal is None:
        cells.wrong("record", "and path are empty: one of them has to name the ECG", "missing_value")
    if not cells.reasons and entry.signal is None and not entry.readings:
        cells.wrong("path", "is empty, and so are the reports", "missing_value")
    return cells.rejected() if cells.reasons else entry


def _table(path: Path) -> Path:
    if not path.is_dir():
        return path
    found = [path / name for name in NAMES if (path / name).is_file()]
    if len(found) != 1:
        raise BadArchive(f"{path.name} is a folder without one of {', '.join(NAMES)}, or with several of them")
    return found[0]


def _rows(path: Path, ignored: str) -> Iterator[Row | Rejected]:
    as_parquet = is_parquet(path)
    header = parquet_header(path) if as_parquet else header_of(path)
    columns = _columns(header, [name.strip() for name in ignored.split(",") if name.strip()], path.name)
    return read_parquet(path, columns) if as_parquet else read_table(path, columns)


def _columns(header: Sequence[str], ignored: Sequence[str], name: str) -> list[str]:
    """Return the columns that are read. Raises `BadArchive` for one that is neither known nor to be ignored."""
    columns = [column for column in header if column not in ignored]
    if not {"record", "path"} & set(columns):  # a line of cells may name a patient: nothing of it is repeated
        raise BadArchive(f"{name}: it has neither the column record nor the column path")
    for column in columns:
        if column not in COLUMNS:
            raise BadArchive(f"{name}: {column[:40]!r} is no column of a manifest; ignore_columns leaves it out")
    if len(set(columns)) < len(columns):
        raise BadArchive(f"{name}: a column is there twice")
    return columns


def _facts(cells: Cells) -> Facts:
    return Facts(
        recorded_at=cells.time("recorded_at"),
        site=cells.name("site"),
        location=cells.name("location"),
        device=cells.name("device"),
        device_software=cells.name("device_software"),
        age=cells.number("age", 0, MAX_AGE),
        sex=cells.one_of("sex", _SEXES),
        patient_id=cells.name("patient_id"),
        patient_hash=_hash(cells, "patient_hash"),
        order_id=cells.name("order_id"),
        order_hash=_hash(cells, "order_hash"),
        simulated=cells.flag("simulated"),
        fold=cells.whole("fold", FOLDS[1]),
        measurements=Measurements(
            **{name: cells.number(name, of.lowest, of.highest) for name, of in MEASURED.items()},
            qtc_formula=cells.one_of("qtc_formula", _FORMULAS),
        ),
    )


def _readings(cells: Cells) -> tuple[Reading, ...]:
    readings = []
    text, codes = cells.text("machine_text"), _codes(cells, "machine_codes")
    if text or codes:
        authored_at = cells.time("machine_authored_at")
        readings.append(Reading(source="machine", text=text, codes=codes, authored_at=authored_at))
    text, codes = cells.text("overread_text"), _codes(cells, "overread_codes")
    if text or codes:
        readings.append(
            Reading(
                source="overread",
                text=text,
                codes=codes,
                reader=cells.name("reader"),
                reader_pseudonym=cells.name("reader_pseudonym"),
                authored_at=cells.time("authored_at"),
                final=cells.flag("final") or False,
                blinded=cells.one_of("blinded", _KNOWN) or "unknown",
                validated=cells.one_of("validated", _KNOWN) or "unknown",
            )
        )
    elif given := next((column for column in _OF_AN_OVERREAD if cells.raw(column)), None):
        cells.wrong(given, "is given, and no over-read", "missing_value")
    return tuple(readings)


def _codes(cells: Cells, column: str) -> tuple[Code, ...]:
    try:
        return parse_codes(cells.raw(column))
    except BadCodeList as error:
        cells.wrong(column, str(error))
        return ()


def _hash(cells: Cells, column: str) -> str | None:
    value = cells.raw(column).lower()
    if value and not _HASH.fullmatch(value):
        cells.wrong(column, "is no hash of 64 hexadecimal digits")
        return None
    return value or None


KIND = ArchiveKind(
    "manifest",
    "a CSV or Parquet table of your own: machine text or codes, over-read text or codes, and where the file lies",
    read,
    (Option("ignore_columns", "columns that are passed over, with commas between their names"),),
    EXAMPLE,
)
