"""PTB-XL's table: every row of the real one, and rows that cannot be taken."""

import ast
import csv
from collections import Counter
from datetime import datetime
from itertools import islice
from pathlib import Path

import pytest

from ml.archives import BadArchive, Entry, Rejected, read
from ml.archives.literals import NotALiteral
from ml.archives.ptbxl import COLUMNS, TABLE, codes_of, scp_codes
from ml.formats.disk import record_at
from ml.labeling import Code

ROW = {
    "ecg_id": "17",
    "patient_id": "11275.0",
    "age": "300.0",
    "sex": "1",
    "site": "2.0",
    "device": "CS-12   E",
    "recording_date": "1984-12-08 09:44:43",
    "report": "sinusrhythmus",
    "scp_codes": "{'NORM': 80.0, 'SR': 0.0}",
    "heart_axis": "LAD",
    "validated_by": "1.0",
    "validated_by_human": "True",
    "filename_hr": "records500/00000/00017_hr",
}


def table(folder: Path, *rows: dict[str, str]) -> Path:
    with (folder / TABLE).open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys([*COLUMNS, *(name for row in rows for name in row)])))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def test_a_row_is_an_over_read_with_its_facts(tmp_path: Path) -> None:
    entry = next(read("ptbxl", table(tmp_path, ROW)))
    assert isinstance(entry, Entry) and entry.record == "ptbxl/17"
    assert entry.signal == tmp_path / "records500/00000/00017_hr.hea"
    facts, reading = entry.facts, entry.readings[0]
    assert facts.recorded_at == datetime(1984, 12, 8, 9, 44, 43)
    assert (facts.site, facts.device, facts.sex) == ("ptbxl-2", "CS-12 E", "female")
    assert (facts.age, facts.patient_id) == (90, "ptbxl/11275")
    assert (reading.source, reading.text, reading.reader) == ("overread", "sinusrhythmus", "ptbxl-1")
    assert reading.codes == (Code("SCP", "NORM", 0.8), Code("SCP", "SR", None), Code("AXIS", "LAD", None))
    assert (reading.final, reading.validated, reading.blinded) == (False, "yes", "unknown")


def test_the_fold_is_kept_where_the_table_has_one(tmp_path: Path) -> None:
    def fold(**row: str) -> int | None:
        entry = next(read("ptbxl", table(tmp_path, ROW | row)))
        assert isinstance(entry, Entry)
        return entry.facts.fold

    assert (fold(), fold(strat_fold=""), fold(strat_fold="10")) == (None, None, 10)
    refused = next(read("ptbxl", table(tmp_path, ROW | {"strat_fold": "1000"})))
    assert isinstance(refused, Rejected) and refused.reasons[0].detail == "strat_fold is greater than 999"


def test_codes_that_no_person_validated_say_so(tmp_path: Path) -> None:
    entry = next(read("ptbxl", table(tmp_path, ROW | {"validated_by_human": "False", "validated_by": ""})))
    assert isinstance(entry, Entry)
    reading = entry.readings[0]
    assert (reading.final, reading.validated, reading.reader) == (False, "no", None)


def test_the_real_table_is_read_whole(shared: Path) -> None:
    found = list(read("ptbxl", shared / "ptbxl"))
    with (shared / "ptbxl" / TABLE).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    entries = [entry for entry in found if isinstance(entry, Entry)]
    assert len(entries) == len(found) == len(rows) == 21_837
    for entry, row in zip(entries, rows, strict=True):
        said = {code.code: code.certainty for code in entry.readings[0].codes if code.system == "SCP"}
        assert said == {code: share / 100 or None for code, share in ast.literal_eval(row["scp_codes"]).items()}
        assert (entry.record, entry.readings[0].text) == (f"ptbxl/{row['ecg_id']}", row["report"].strip() or None)
    assert Counter(entry.readings[0].validated for entry in entries) == {"yes": 16_094, "no": 5_743}
    assert len({entry.facts.patient_id for entry in entries}) == len({row["patient_id"] for row in rows})
    assert max(entry.facts.age or 0 for entry in entries) == 90
    readable = [entry for entry in islice(entries, 400) if entry.signal and entry.signal.exists()]
    assert len(readable) > 200 and record_at(readable[0].signal or Path()) is not None


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("ecg_id", ""),
        ("ecg_id", "x"),
        ("age", "301"),
        ("sex", "2"),
        ("recording_date", "1984-12-08"),
        ("scp_codes", "__import__('os').remove('x')"),
        ("scp_codes", "['NORM']"),
        ("scp_codes", "{'NORM': 'yes'}"),
        ("scp_codes", "{'NORM': 120.0}"),
        ("scp_codes", ""),
        ("validated_by_human", "maybe"),
        ("filename_hr", "../../etc/passwd"),
        ("report", "x" * 70_000),
    ],
)
def test_a_bad_row_is_named_by_its_column_and_the_next_one_is_read(tmp_path: Path, column: str, value: str) -> None:
    rejected, entry = read("ptbxl", table(tmp_path, ROW | {column: value}, ROW))
    assert isinstance(rejected, Rejected) and isinstance(entry, Entry)
    assert rejected.place == f"{TABLE} line 2"
    assert [reason.detail.split()[0] for reason in rejected.reasons] == [column]
    assert not value or value not in rejected.reasons[0].detail


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadArchive, match=f"{TABLE} is no folder"):
        list(read("ptbxl", table(tmp_path, ROW) / TABLE))
    (tmp_path / TABLE).unlink()
    with pytest.raises(BadArchive, match=f"{TABLE} is neither in"):
        list(read("ptbxl", tmp_path))
    with pytest.raises(BadArchive, match="no option of ptbxl"):
        list(read("ptbxl", tmp_path, {"plus": "x"}))


def test_a_likelihood_of_zero_is_none_and_numbers_are_likelihoods() -> None:
    assert codes_of(scp_codes("{'SR': 0.0}"), "") == (Code("SCP", "SR", None),)
    with pytest.raises(NotALiteral, match="no number from 0 to 100"):
        scp_codes("{'SR': True}")
