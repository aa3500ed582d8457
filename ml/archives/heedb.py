"""The Harvard-Emory ECG Database (Koscova et al.; https://bdsp.io/content/heedb, version 5.0): 12SL and its over-read.

Access needs credentials, so this follows what its page says, and what public code says that reads it:

- A folder a hospital (`I0001`, `I0006`) with `metadata/metadata.csv`, `12SL_diagnoses/` and `WFDB/`; 250 or 500 Hz.
- `12SL_diagnoses/diagnoses_acquisition.csv`: `FileName`, `codes_software` (what 12SL said when the ECG was recorded)
  and `codes_physician` (the over-read), numbers of 12SL statements with commas between them. `diagnoses_v24.csv`:
  `FileName` and `codes`, what 12SL version 24 said of all of them later. `diagnoses_dictionary.csv`: `codes` and the
  `acronym` of each.
- A `FileName` is a path within `WFDB/`, written as `/S0001/1988/04/NAME`, `./S0001/…/NAME.hea` or `WFDB/2010/NAME`.
- `metadata.csv`: `BDSPPatientID`, `ECGAcquisitionTime` (shifted), `AgeAtAcquisition` in days, `SexDSC` or `Sex`.

Assumed, because nothing public says so: the over-reader saw what 12SL said at acquisition (`blinded` is no), and not
what version 24 said later (yes). File names hold patients' numbers; the record is therefore a hash of the file's name.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ml.archives.cells import LONGEST_NAME, Cells, below
from ml.archives.column_map import column_map
from ml.archives.entry import Entry, Rejected
from ml.archives.facts_index import FactsIndex
from ml.archives.kind import ArchiveKind, BadArchive, Found, Option, Options
from ml.archives.tables import read_table
from ml.archives.walk import folders_with
from ml.formats import written
from ml.formats.ecg_file import Facts, Known, Reading, Source
from ml.formats.recording import Reason
from ml.labeling.findings import Code

METADATA = "metadata/metadata.csv"
ACQUISITION = "12SL_diagnoses/diagnoses_acquisition.csv"
VERSION_24 = "12SL_diagnoses/diagnoses_v24.csv"
DICTIONARY = "12SL_diagnoses/diagnoses_dictionary.csv"
MOST_STATEMENTS = 200  # of one ECG

_OF_METADATA = ("BDSPPatientID", "ECGAcquisitionTime", "AgeAtAcquisition", "SexDSC", "Sex")
_NAMES = ("FileName", "codes_software", "codes_physician", "codes", *_OF_METADATA)
_MACHINES = ("acquisition", "v24")


def read(path: Path, options: Options) -> Iterator[Found]:
    """Yield an entry a row of the acquisition's statements, hospital by hospital.

    With `machine=v24` they have the over-read alone; then an entry a row of version 24's statements follows, under the
    same records. In memory are the facts of a hospital's ECGs, about 60 bytes each.
    """
    names = column_map(options.get("columns", ""), {name: name for name in _NAMES}, "columns")
    machine = options.get("machine", _MACHINES[0])
    if machine not in _MACHINES:
        raise BadArchive(f"machine is none of {', '.join(_MACHINES)}")
    for folder in _hospitals(path):
        yield from _Hospital(folder, names).read(later=machine == "v24")


def _hospitals(path: Path) -> list[Path]:
    """Return the hospitals' folders: the path, or folders in it or in its folder `ECG`. Raises `BadArchive`."""
    return folders_with(path / "ECG" if (path / "ECG").is_dir() else path, ACQUISITION)


class _Hospital:
    def __init__(self, folder: Path, names: Mapping[str, str]) -> None:
        self._folder = folder
        self._names = names
        self._facts = FactsIndex()
        self._acronyms: dict[str, str] = {}

    def read(self, later: bool) -> Iterator[Found]:
        """Yield the hospital's ECGs; `later`: with version 24's statements in place of the acquisition's."""
        yield from self._read_dictionary()
        yield from self._read_metadata()
        columns: dict[str, Source] = {"codes_physician": "overread"}
        if not later:
            columns = {"codes_software": "machine", **columns}
        yield from self._entries(ACQUISITION, columns, blinded="yes" if later else "no")
        if later:
            yield from self._entries(VERSION_24, {"codes": "machine"}, blinded="unknown")
        if left := self._facts.left:
            reason = Reason("no_statements", f"{left:,} ECGs have no row in {PurePosixPath(ACQUISITION).name}")
            yield Rejected(place=f"{self._folder.name}/{METADATA}", reasons=(reason,))

    def _read_dictionary(self) -> Iterator[Rejected]:
        for row in read_table(self._folder / DICTIONARY, ("codes", "acronym")):
            if isinstance(row, Rejected):
                yield row
            else:
                cells = Cells(row)
                number = cells.whole("codes")
                self._acronyms[str(number)] = cells.name("acronym") or str(number)

    def _read_metadata(self) -> Iterator[Rejected]:
        name = self._names["FileName"]
        optional = [self._names[column] for column in _OF_METADATA]
        for row in read_table(self._folder / METADATA, (name,), optional):
            if isinstance(row, Rejected):
                yield row
            else:
                cells = Cells(row)
                self._facts.add(_key(_inside(cells.raw(name))), self._facts_of(cells))
        self._facts.close()

    def _facts_of(self, cells: Cells) -> Facts:
        """Return what a row of the metadata says; what cannot be read of it is left out, and the ECG is not."""
        patient, recorded_at, age, *sexes = (self._names[column] for column in _OF_METADATA)
        number = cells.whole(patient)
        return Facts(
            recorded_at=cells.time(recorded_at),
            age=written.age_years(cells.raw(age), "days"),
            sex=next(filter(None, (written.sex(cells.raw(sex)) for sex in sexes)), None),
            patient_id=None if number is None else str(number),
        )

    def _entries(self, table: str, columns: Mapping[str, Source], blinded: Known) -> Iterator[Found]:
        name = self._names["FileName"]
        for row in read_table(self._folder / table, (name, *(self._names[column] for column in columns))):
            yield row if isinstance(row, Rejected) else self._entry(Cells(row), columns, blinded)

    def _entry(self, cells: Cells, columns: Mapping[str, Source], blinded: Known) -> Found:
        cells.required(self._names["FileName"])
        inside = _inside(cells.raw(self._names["FileName"]))
        signal = below(self._folder / "WFDB", f"{inside}.hea")
        if signal is None:
            cells.wrong(self._names["FileName"], "is no path below the folder WFDB")
        key = _key(inside)
        readings = tuple(
            Reading(source=source, codes=codes)
            if source == "machine"
            else Reading(source=source, codes=codes, blinded=blinded, validated="yes")
            for column, source in columns.items()
            if (codes := self._codes(cells, self._names[column]))
        )
        if cells.reasons:
            return cells.rejected()
        facts = self._facts.take(key)
        patient = facts.patient_id and f"heedb/{facts.patient_id}"
        facts = replace(facts, site=f"heedb-{self._folder.name}", patient_id=patient)
        return Entry(record=f"heedb/{self._folder.name}/{key:016x}", signal=signal, facts=facts, readings=readings)

    def _codes(self, cells: Cells, column: str) -> tuple[Code, ...]:
        """Return the acronyms of a cell such as `299, 390, 1699`; a number that has none stands for itself."""
        numbers = [number.strip() for number in cells.raw(column).split(",")]
        numbers = [number for number in numbers if number]
        if len(numbers) > MOST_STATEMENTS or any(len(number) > LONGEST_NAME for number in numbers):
            cells.wrong(column, f"has more than {MOST_STATEMENTS} numbers, or a longer one", "too_large")
        elif not all(number.isdecimal() for number in numbers):
            cells.wrong(column, "is no list of numbers of statements")
        return tuple(Code("12SL", self._acronyms.get(number, number)) for number in numbers)


def _inside(name: str) -> str:
    """Return a file's path within `WFDB/`, without ending, however the table writes it."""
    return name.strip().removeprefix(".").lstrip("/").removeprefix("WFDB/").removesuffix(".hea")


def _key(inside: str) -> int:
    return int.from_bytes(hashlib.blake2b(inside.encode(), digest_size=8).digest())


KIND = ArchiveKind(
    "heedb",
    "the Harvard-Emory ECG database: 12SL's statements and, since version 5, their over-read",
    read,
    (
        Option("machine", "acquisition (what 12SL said then, the default), or v24 (what version 24 said later)"),
        Option("columns", "columns that are named otherwise: FileName=…,codes_physician=…"),
    ),
)
