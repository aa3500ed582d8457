"""What an export holds: each table is a list of columns, and all that is written and said of them follows from it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from app.disagreement.attributes import software
from app.disagreement.statistics import LEFT_OUT
from ml.formats.ecg_file import MEASURED

Kind = Literal["text", "codes", "truth", "int16", "int32", "float", "time", "labels"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column: its SQL, or none where it is made of a pair's cell.

    `words`: it holds report text, which not everybody may take out. `derived`: it follows from others, so an import
    passes it over.
    """

    name: str
    kind: Kind
    meaning: str
    sql: str = ""
    unit: str = ""
    words: bool = False
    derived: bool = False


@dataclass(frozen=True, kw_only=True)
class Table:
    """A file of an export. `rows` is SQL that follows FROM, with a row of `chosen c` in each; `order` sorts them."""

    file: str
    about: str
    rows: str
    order: str
    columns: tuple[Column, ...]
    by_label: bool = False
    """Whether each label has columns: `rows` then has `c.cell_id`."""


def _text(name: str, sql: str, meaning: str, *, derived: bool = False) -> Column:
    return Column(name=name, kind="text", sql=sql, meaning=meaning, derived=derived)


def _words(name: str, sql: str, meaning: str) -> Column:
    return Column(name=name, kind="text", sql=sql, meaning=meaning, words=True)


def _time(name: str, sql: str, meaning: str) -> Column:
    return Column(name=name, kind="time", sql=sql, meaning=meaning, unit="UTC")


_ECG_ID = _text("ecg_id", "c.ecg_id", "id of the ECG in the service it was exported from", derived=True)
_SOFTWARE = _text("device_software", "e.device_software", "the version of the device's program")
_MEASURED = (
    *(
        Column(name=name, kind="float", sql=f"e.{name}", unit=limits.unit, meaning="as the device measured it")
        for name, limits in MEASURED.items()
    ),
    _text("qtc_formula", "e.qtc_formula", "how QTc was made of QT"),
)
PATH = _text(
    "path",
    "CASE WHEN e.waveform_sha256 IS NOT NULL THEN 'waveforms/' || left(e.id::text, 2) || '/' || e.id || '.hea' END",
    "the header of its waveform, below the folder of this table",
)
PAIRS = Table(
    file="pairs.parquet",
    about="An ECG with its machine report and the over-read that counts. `overread import manifest` reads it.",
    rows="chosen c JOIN ecgs e ON e.id = c.ecg_id LEFT JOIN texts m ON m.id = c.machine_text "
    "LEFT JOIN texts o ON o.id = c.overread_text",
    order="c.n",
    by_label=True,
    columns=(
        _ECG_ID,
        _text("machine_report_id", "c.machine_report", "id of the machine's report", derived=True),
        _text("overread_report_id", "c.overread_report", "id of the over-read", derived=True),
        _text("record", "coalesce(e.record, e.id::text)", "its name at its source, else the ECG's id"),
        _text("patient_hash", "encode(e.patient_hash, 'hex')", "keyed hash of the patient's number"),
        _text("order_hash", "encode(e.order_hash, 'hex')", "keyed hash of the order's number"),
        _time("recorded_at", "e.recorded_at", "when it was recorded"),
        Column(
            name="hour", kind="int16", sql="nullif(c.hour, -1)", meaning="0-23, in the site's time zone", derived=True
        ),
        Column(
            name="weekday",
            kind="int16",
            sql="nullif(c.weekday, -1)",
            meaning="1-7, Monday is 1; likewise",
            derived=True,
        ),
        _text("site", "e.site", "where it was recorded"),
        _text("location", "e.location", "the care unit"),
        _text("device", "e.device", "the device"),
        _text("device_software", software("c.machine_reader"), "what made the machine's report"),
        Column(name="age", kind="float", sql="e.age", unit="years", meaning="the patient's age"),
        _text("sex", "nullif(e.sex, 'unknown')", "male or female"),
        Column(name="simulated", kind="truth", sql="e.simulated", meaning="no patient was ever attached"),
        Column(name="fold", kind="int16", sql="e.fold", meaning="of a cross-validation, as its source gave it"),
        *_MEASURED,
        _words("machine_text", "m.text", "the machine's report"),
        Column(name="machine_codes", kind="codes", sql="m.codes", meaning="the machine's report as codes"),
        _time("machine_authored_at", "c.machine_authored_at", "when the machine wrote it"),
        _words("overread_text", "o.text", "the over-read"),
        Column(name="overread_codes", kind="codes", sql="o.codes", meaning="the over-read as codes"),
        _text("reader_pseudonym", "nullif(c.reader, '')", "who read it"),
        _time("authored_at", "c.authored_at", "when the over-read was written"),
        Column(name="final", kind="truth", sql="c.final", meaning="whether it is the adjudicated over-read"),
        _text("blinded", "c.blinded", "whether the reader had not seen the machine's report: yes, no, unknown"),
        _text("validated", "c.validated", "whether a person has confirmed it: yes, no, unknown"),
        Column(
            name="left_out",
            kind="text",
            meaning=f"why no table counts the pair: {', '.join(LEFT_OUT)}, joined by commas; empty where it is counted",
            derived=True,
        ),
    ),
)
REPORTS = Table(
    file="reports.parquet",
    about="Every current report of these ECGs.",
    rows="chosen c JOIN reports r ON r.ecg_id = c.ecg_id AND r.current JOIN texts t ON t.id = r.text_id "
    "LEFT JOIN labelings l ON l.vocabulary_id = (SELECT id FROM under) AND l.text_id = r.text_id",
    order="c.n, r.source, r.reader, r.id",
    columns=(
        _ECG_ID,
        _text("report_id", "r.id", "id of the report"),
        _text("source", "r.source", "machine or overread"),
        _text("reader_pseudonym", "nullif(r.reader, '')", "who read it"),
        Column(name="version", kind="int32", sql="r.version", meaning="1 is the first; each correction is one more"),
        Column(name="final", kind="truth", sql="r.final", meaning="whether it is the adjudicated over-read"),
        _text("blinded", "r.blinded", "whether the reader had not seen the machine's report: yes, no, unknown"),
        _text("validated", "r.validated", "whether a person has confirmed it: yes, no, unknown"),
        _time("authored_at", "r.authored_at", "when it was written"),
        _time("stored_at", "r.created_at", "when it was stored"),
        _text("stance", "l.stance", "whether it reads the tracing, agrees, says that it cannot be read, or is unread"),
        _words("text", "t.text", "what it says"),
        Column(name="codes", kind="codes", sql="t.codes", meaning="what it says as codes"),
    ),
)
FINDINGS = Table(
    file="findings.parquet",
    about="A row for each label that a report mentions, with its characters in the text (or in the codes, one a line).",
    rows=f"{REPORTS.rows} CROSS JOIN LATERAL jsonb_array_elements(l.findings) WITH ORDINALITY AS f (said, place)",
    order=f"{REPORTS.order}, f.place",
    columns=(
        _ECG_ID,
        *REPORTS.columns[1:4],
        _text("label", "f.said ->> 'label'", "the label"),
        _text("status", "f.said ->> 'status'", "present, uncertain, negated or historical"),
        Column(name="start", kind="int32", sql="f.said ->> 'start'", unit="characters", meaning="first character"),
        Column(name="end", kind="int32", sql="f.said ->> 'end'", unit="characters", meaning="one past the last"),
        _words("text", "f.said ->> 'text'", "those characters"),
        _words("cue", "f.said ->> 'cue'", "the words that made it other than present"),
    ),
)
MEASUREMENTS = Table(
    file="measurements.parquet",
    about="What the devices measured, of the ECGs of which they said anything.",
    rows="chosen c JOIN ecgs e ON e.id = c.ecg_id AND num_nonnulls("
    + ", ".join(f"e.{name}" for name in MEASURED)
    + ") > 0",
    order="c.n",
    columns=(_ECG_ID, _text("device", "e.device", "the device"), _SOFTWARE, *_MEASURED),
)
TABLES = {"pairs": PAIRS, "reports": REPORTS, "findings": FINDINGS, "measurements": MEASUREMENTS}


def columns_of(table: Table, labels: Sequence[str], *, words: bool, waveforms: bool) -> tuple[Column, ...]:
    """Return the columns of a table: without report text unless `words`, and those of each label."""
    columns = [column for column in table.columns if words or not column.words]
    if waveforms and table is PAIRS:
        columns.insert([column.name for column in columns].index("record"), PATH)
    return (*columns, *_of_labels(labels)) if table.by_label else tuple(columns)


def _of_labels(labels: Sequence[str]) -> Iterator[Column]:
    for label in labels:
        for source, name in (("machine", "the machine's report"), ("overread", "the over-read")):
            meaning = f"present or uncertain where {name} says so"
            yield Column(name=f"{label}_{source}", kind="text", meaning=meaning, derived=True)
    for name in ("added", "removed"):
        meaning = f"labels that the over-read has {name}, hedged ones counted as present"
        yield Column(name=name, kind="labels", meaning=meaning, derived=True)
