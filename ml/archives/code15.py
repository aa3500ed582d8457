"""CODE-15% (Ribeiro et al. 2021, CC BY 4.0; https://doi.org/10.5281/zenodo.4916206): a table, and HDF5 of many ECGs.

`exams.csv` says in which file (`trace_file`) an ECG is; its number (`exam_id`) finds it there. The over-read is what
the table says is there of six findings, in the words of the collection, or that the ECG is normal: an ECG of which
neither is said has no reading, because other findings are not in the table. The labels are of cardiologists' reports
and of programs that read these and the tracing (Ribeiro et al. 2020), so `blinded` and `validated` are unknown.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from ml.archives.cells import Cells
from ml.archives.entry import Entry, Rejected
from ml.archives.kind import ArchiveKind, Found, Options
from ml.archives.tables import Row, read_table
from ml.archives.walk import folders_with
from ml.formats.ecg_file import Facts, Reading

TABLE = "exams.csv"
FINDINGS = {
    "1dAVb": "First degree AV block",
    "RBBB": "Right bundle branch block",
    "LBBB": "Left bundle branch block",
    "SB": "Sinus bradycardia",
    "ST": "Sinus tachycardia",
    "AF": "Atrial fibrillation",
    "normal_ecg": "Normal ECG",
}
COLUMNS = ("exam_id", "age", "is_male", "patient_id", "trace_file", *FINDINGS)
_OLDEST = 130
_SEXES: dict[bool | None, Literal["male", "female"]] = {True: "male", False: "female"}


def read(path: Path, options: Options) -> Iterator[Found]:
    """Yield an entry a row of the table, in its order; its folder is the one given, or one in it."""
    folder = folders_with(path, TABLE)[0]
    for row in read_table(folder / TABLE, COLUMNS):
        yield row if isinstance(row, Rejected) else _entry(row, folder)


def _entry(row: Row, folder: Path) -> Found:
    cells = Cells(row)
    exam, patient = cells.whole("exam_id"), cells.whole("patient_id")
    cells.required("exam_id")
    cells.required("trace_file")
    said = [words for column, words in FINDINGS.items() if cells.flag(column)]
    traces = cells.path("trace_file", folder)
    entry = Entry(
        record=f"code15/{exam}",
        signal=None if traces is None else traces / str(exam),
        facts=Facts(
            age=cells.number("age", 0, _OLDEST),
            sex=_SEXES.get(cells.flag("is_male")),
            patient_id=None if patient is None else f"code15/{patient}",
        ),
        readings=(Reading(source="overread", text="\n".join(said)),) if said else (),
    )
    return cells.rejected() if cells.reasons else entry


KIND = ArchiveKind("code15", "CODE-15%: what its table says of six findings as over-reads, ECGs of HDF5 files", read)
