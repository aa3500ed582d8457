"""The Challenge's headers: codes of a list with an empty place, ages and sexes, and headers of others."""

import re
from collections import Counter
from pathlib import Path

import pytest

from ml.archives import Entry, Rejected, read
from ml.formats.ecg_file import Facts, Reading
from ml.labeling import Code

HEADER = "r 1 500 10 12-May-2020 12:33:59\nr.mat 16+24 1000/mV 16 0 0 0 0 I\n"


def test_every_real_header_is_read(shared: Path) -> None:
    found = list(read("physionet2021", shared / "wfdb"))
    entries = [each for each in found if isinstance(each, Entry)]
    assert (len(entries), len(found)) == (141, 142)
    (other,) = (each for each in found if isinstance(each, Rejected))
    assert other.place == "ludb/EGM/ludb-ecg.hea" and other.reasons[0].code == "no_statements"
    for entry in entries:
        assert entry.signal is not None and entry.record == f"physionet2021/{entry.signal.stem}"
        said = re.search(r"#Dx:(.*)", entry.signal.read_text())
        assert said is not None
        assert {code.code for code in entry.readings[0].codes} == set(re.findall(r"\d+", said[1]))
        assert {code.system for code in entry.readings[0].codes} == {"SNOMED"}
        assert entry.facts.recorded_at is None  # the date is when the file was made
    assert Counter(entry.facts.sex for entry in entries) == {"male": 76, "female": 65}


@pytest.mark.parametrize("said", ["", "Unknown"])
def test_an_ecg_without_codes_has_no_reading(tmp_path: Path, said: str) -> None:
    (tmp_path / "r.hea").write_text(f"{HEADER}#Age: NaN\n#Sex: Unknown\n#Dx: {said}\n")
    (entry,) = read("physionet2021", tmp_path)
    assert entry == Entry(record="physionet2021/r", signal=tmp_path / "r.hea")


def test_codes_come_once_and_blanks_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "r.hea").write_text(f"{HEADER}# Age: 80\n# Sex: F\n# Dx: 164889003, 426783006,,164889003\n")
    (entry,) = read("physionet2021", tmp_path)
    assert isinstance(entry, Entry) and entry.facts == Facts(age=80, sex="female")
    assert entry.readings == (
        Reading(source="overread", codes=(Code("SNOMED", "164889003"), Code("SNOMED", "426783006"))),
    )


@pytest.mark.parametrize(
    ("content", "code"),
    [("", "bad_header"), (HEADER, "no_statements"), (f"{HEADER}#Dx: sinus rhythm\n", "bad_value")],
)
def test_other_headers_are_named(tmp_path: Path, content: str, code: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "r.hea").write_text(content)
    (rejected,) = read("physionet2021", tmp_path)
    assert isinstance(rejected, Rejected) and (rejected.place, rejected.reasons[0].code) == ("a/r.hea", code)
