"""PTB-XL with PTB-XL+ (Strodthoff et al. 2023, CC BY 4.0; https://physionet.org/content/ptb-xl-plus).

PTB-XL+ has no signals; its tables name PTB-XL's ECGs by `ecg_id`, in an order of their own. The machine report is the
column `statements` of `labels/12sl_statements.csv`: GE Marquette 12SL's acronyms as they were emitted, modifiers as
acronyms of their own. What 12SL measured is in `features/12sl_features.csv`. PTB-XL's readers saw the text of another
device and not 12SL's, so the two readings are independent: `blinded` is yes. Not read: the columns mapped to SNOMED CT
(they lack voltage reasons), the averaged beats (no rhythm strips), and what other programs measured.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from ml.archives import ptbxl
from ml.archives.cells import LONGEST_NAME, Cells, as_number
from ml.archives.entry import Entry, Rejected
from ml.archives.kind import ArchiveKind, Found, Option, Options
from ml.archives.measured import measured
from ml.archives.tables import header_of, read_table
from ml.archives.walk import folders_with
from ml.formats.ecg_file import Measurements, Reading
from ml.formats.recording import Reason
from ml.labeling.findings import Code

STATEMENTS = "labels/12sl_statements.csv"
FEATURES = "features/12sl_features.csv"
PROGRAM = "Marquette 12SL"
MOST_STATEMENTS = 200  # of one ECG

_MEASURED = {  # of several columns the first that the table has
    "heart_rate": ("HR_Ventr_Global", "HR__Global"),
    "pr_ms": ("PR_Int_Global",),
    "qrs_ms": ("QRS_Dur_Global",),
    "qt_ms": ("QT_Int_Global",),
    "qtc_ms": ("QT_IntBazett_Global", "QT_IntFridericia_Global", "QT_IntFramingham_Global", "QT_IntCorr_Global"),
    "p_axis": ("P_AxisFront_Global",),
    "qrs_axis": ("R_AxisFrontal_Global", "QRS_AxisFront_Global"),
    "t_axis": ("T_AxisFront_Global",),
}
_FORMULAS = {
    "QT_IntBazett_Global": "bazett",
    "QT_IntFridericia_Global": "fridericia",
    "QT_IntFramingham_Global": "framingham",
}

Value = TypeVar("Value")


def read(path: Path, options: Options) -> Iterator[Found]:
    """Yield an entry a row of PTB-XL's table, in its order, with what PTB-XL+ says of the same ECG.

    `path` is PTB-XL's folder, with PTB-XL+'s in the option `plus` or the two in one; or a folder that both are in.
    """
    folder = folders_with(path, ptbxl.TABLE)[0]
    plus = folders_with(Path(options.get("plus", path)), STATEMENTS)[0]
    statements: dict[str, tuple[Code, ...]] = {}
    measurements: dict[str, Measurements] = {}
    yield from _by_ecg(plus / STATEMENTS, ("statements",), _codes, statements)
    if (plus / FEATURES).exists():
        columns = _columns(header_of(plus / FEATURES))
        yield from _by_ecg(
            plus / FEATURES, tuple(columns.values()), lambda cells: _measurements(cells, columns), measurements
        )
    for found in ptbxl.read(folder, {}):
        if isinstance(found, Rejected) or found.record is None:
            yield found
        else:
            yield _together(found, statements.pop(found.record, ()), measurements.get(found.record))
    for record in statements:
        place = f"{STATEMENTS}, ECG {record.partition('/')[2]}"
        yield Rejected(place=place, reasons=(Reason("unknown_record", f"the ECG has no usable row in {ptbxl.TABLE}"),))


def _by_ecg(
    path: Path, columns: tuple[str, ...], of_row: Callable[[Cells], Value], values: dict[str, Value]
) -> Iterator[Rejected]:
    """Add the values of a table's rows to `values` by record, and yield the rows that cannot be taken."""
    for row in read_table(path, ("ecg_id", *columns)):
        if isinstance(row, Rejected):
            yield row
            continue
        cells = Cells(row)
        cells.required("ecg_id")
        record = ptbxl.record(cells.whole("ecg_id"))
        value = of_row(cells)
        if record in values:
            cells.wrong("ecg_id", "is there a second time")
        if cells.reasons:
            yield cells.rejected()
        else:
            values[record] = value


def _codes(cells: Cells) -> tuple[Code, ...]:
    """Return the acronyms of a cell such as `['NSR', 'ASMI', 'AU']`."""
    said = cells.literal("statements")
    acronyms = [each.strip() for each in said if isinstance(each, str)] if isinstance(said, list | tuple) else []
    if not isinstance(said, list | tuple) or len(acronyms) < len(said):
        cells.wrong("statements", "is no list of acronyms")
    elif len(acronyms) > MOST_STATEMENTS or any(len(acronym) > LONGEST_NAME for acronym in acronyms):
        cells.wrong("statements", f"has more than {MOST_STATEMENTS} acronyms, or a longer one", "too_large")
    return tuple(Code("12SL", acronym) for acronym in acronyms if acronym)


def _columns(header: list[str]) -> dict[str, str]:
    """Return the column that each measurement is read from."""
    there = {name: [column for column in columns if column in header] for name, columns in _MEASURED.items()}
    return {name: columns[0] for name, columns in there.items() if columns}


def _measurements(cells: Cells, columns: dict[str, str]) -> Measurements:
    values = {name: as_number(cells.raw(column)) for name, column in columns.items()}
    return measured(values, _FORMULAS.get(columns.get("qtc_ms", "")))


def _together(entry: Entry, codes: tuple[Code, ...], measurements: Measurements | None) -> Entry:
    machine = (Reading(source="machine", codes=codes),) if codes else ()
    facts = replace(entry.facts, measurements=measurements or Measurements())
    if machine or measurements:
        facts = replace(facts, device_software=PROGRAM)
    return replace(
        entry, facts=facts, readings=(*machine, *(replace(reading, blinded="yes") for reading in entry.readings))
    )


KIND = ArchiveKind(
    "ptbxl-plus",
    "PTB-XL with PTB-XL+: 12SL's statements as the machine's report, PTB-XL's codes as an independent over-read",
    read,
    (Option("plus", "the folder of PTB-XL+, where it is not in the same folder", is_path=True),),
)
