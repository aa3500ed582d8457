"""PTB-XL+ beside PTB-XL: its tables are joined by `ecg_id`, and what misleads readers of the release does not."""

import csv
import random
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.make_ptbxl_plus import WITHOUT_A_ROW, feature_names, make, statements
from ml.archives import BadArchive, Entry, Found, Rejected, read
from ml.archives.ptbxl import TABLE
from ml.archives.ptbxl_plus import FEATURES, STATEMENTS
from ml.formats.ecg_file import Measurements
from ml.labeling import Code
from tests.ml.archives.test_ptbxl import ROW, table

ECGS = 60
HEADER = "ecg_id,statements\n"


@pytest.fixture
def both(tmp_path: Path) -> Path:
    """A folder that holds PTB-XL's table and a made PTB-XL+."""
    (tmp_path / "ptb-xl").mkdir()
    codes = ["{'ASMI': 100.0, 'SR': 0.0}", "{'AFIB': 0.0, 'LAFB': 100.0}", "{'NORM': 100.0, 'SR': 0.0}"]
    rows = [ROW | {"ecg_id": str(number), "scp_codes": codes[number % 3]} for number in range(1, ECGS + WITHOUT_A_ROW)]
    table(tmp_path / "ptb-xl", *rows)
    make(rows, tmp_path / "ptb-xl-plus")
    return tmp_path


def found(path: Path, plus: Path | None = None) -> list[Found]:
    return list(read("ptbxl-plus", path, {"plus": str(plus)} if plus else {}))


def entries(path: Path, plus: Path | None = None) -> dict[str, Entry]:
    taken = found(path, plus)
    assert all(isinstance(each, Entry) for each in taken)
    return {entry.record or "": entry for entry in taken if isinstance(entry, Entry)}


def machine(entry: Entry) -> tuple[Code, ...]:
    return next((reading.codes for reading in entry.readings if reading.source == "machine"), ())


def with_statements(folder: Path, lines: str) -> Path:
    table(folder, ROW)
    (folder / "labels").mkdir()
    (folder / STATEMENTS).write_text(HEADER + lines)
    return folder


def test_tables_are_joined_by_ecg_id_and_not_by_position(both: Path) -> None:
    """Traps 1 and 2: the tables are in orders of their own, and the key stands at column 145 of 783."""
    plus = both / "ptb-xl-plus"
    with (plus / STATEMENTS).open() as said, (plus / FEATURES).open() as measured:
        rows = list(csv.DictReader(said))
        rates = {row["ecg_id"]: float(row["HR_Ventr_Global"]) for row in csv.DictReader(measured)}
    assert [row["ecg_id"] for row in rows] != sorted((row["ecg_id"] for row in rows), key=int)
    assert (len(feature_names()), feature_names().index("ecg_id")) == (783, 144)
    read_ones = entries(both)
    assert list(read_ones) == [f"ptbxl/{number}" for number in range(1, ECGS + WITHOUT_A_ROW)]
    for row in rows:
        entry = read_ones[f"ptbxl/{row['ecg_id']}"]
        assert str([code.code for code in machine(entry)]) == row["statements"]
        assert entry.facts.measurements.heart_rate == rates[row["ecg_id"]]


def test_statements_are_literals_and_nothing_is_evaluated(tmp_path: Path) -> None:
    """Trap 3: lists and tuples; a modifier may come joined."""
    lines = "17,\"('ASMI', 'AU')\"\n"
    assert machine(entries(with_statements(tmp_path, lines))["ptbxl/17"]) == (Code("12SL", "ASMI"), Code("12SL", "AU"))
    (tmp_path / STATEMENTS).write_text(HEADER + "17,['ASMI;AU']\n")
    assert machine(entries(tmp_path)["ptbxl/17"]) == (Code("12SL", "ASMI;AU"),)
    for said in ("open('x')", "['NSR'", '"[1, 2]"', "NSR", "\"{'NSR': 1}\"", ""):
        (tmp_path / STATEMENTS).write_text(f"{HEADER}17,{said}\n")
        rejected, entry = found(tmp_path)
        assert isinstance(rejected, Rejected) and rejected.reasons[0].detail.startswith("statements ")
        assert isinstance(entry, Entry) and machine(entry) == ()


def test_a_byte_order_mark_is_no_part_of_a_column(tmp_path: Path) -> None:
    """Trap 4, for the tables that are read."""
    folder = with_statements(tmp_path, "")
    (folder / STATEMENTS).write_bytes(b"\xef\xbb\xbf" + (HEADER + "17,['NSR']\n").encode())
    assert machine(entries(folder)["ptbxl/17"]) == (Code("12SL", "NSR"),)


def test_averaged_beats_are_no_ecgs(both: Path) -> None:
    """Trap 5."""
    assert list(both.rglob("*_medians.hea"))
    assert not [entry for entry in entries(both).values() if entry.signal and "median" in str(entry.signal)]


def test_an_ecg_without_a_12sl_row_has_its_over_read_alone(both: Path) -> None:
    """Trap 6: PTB-XL 1.0.1 has rows that PTB-XL+ has not."""
    taken = entries(both)
    alone = [entry for entry in taken.values() if not machine(entry)]
    assert len(alone) == WITHOUT_A_ROW
    assert all([reading.source for reading in entry.readings] == ["overread"] for entry in alone)
    assert alone[0].facts.device_software is None and alone[0].facts.measurements == Measurements()


def test_acronyms_are_given_as_12sl_and_never_as_words(tmp_path: Path) -> None:
    """Trap 7: `AFB` is a fascicular block. The system goes with the code; the vocabulary says what it means."""
    taken = entries(with_statements(tmp_path, "17,\"['AFB', 'AT', 'AFIB']\"\n"))
    assert {code.system for code in machine(taken["ptbxl/17"])} == {"12SL"}


def test_the_readings_are_independent_and_say_what_a_person_validated(both: Path) -> None:
    """Trap 9. (Trap 8, the folds, has no place here: nothing of PTB-XL+ splits anything.)"""
    entry = entries(both)["ptbxl/1"]
    over_read = next(reading for reading in entry.readings if reading.source == "overread")
    assert (over_read.blinded, over_read.validated) == ("yes", "yes")
    assert next(reading for reading in entry.readings if reading.source == "machine").blinded == "unknown"
    assert entry.facts.device_software == "Marquette 12SL"


def test_the_folders_are_found_or_given(both: Path, tmp_path: Path) -> None:
    there = entries(both)
    assert entries(both / "ptb-xl", both / "ptb-xl-plus") == there
    (both / "ptb-xl-plus" / "labels").rename(both / "ptb-xl" / "labels")
    (both / "ptb-xl-plus" / "features").rename(both / "ptb-xl" / "features")
    assert entries(both / "ptb-xl") == there
    (both / "ptb-xl" / FEATURES).unlink()
    assert entries(both / "ptb-xl")["ptbxl/1"].facts.measurements == Measurements()
    with pytest.raises(BadArchive, match=f"{STATEMENTS} is neither in empty nor"):
        (both / "empty").mkdir()
        table(both / "empty", ROW)
        found(both / "empty")


def test_rows_that_belong_to_no_ecg_or_come_twice_are_named(tmp_path: Path) -> None:
    lines = "17,['NSR']\n17,['AFIB']\n18,['NSR']\nx,['NSR']\n"
    twice, bad, entry, unknown = found(with_statements(tmp_path, lines))
    assert isinstance(twice, Rejected) and twice.place == "12sl_statements.csv line 3"
    assert isinstance(bad, Rejected) and bad.place == "12sl_statements.csv line 5"
    assert isinstance(entry, Entry) and machine(entry) == (Code("12SL", "NSR"),)
    assert isinstance(unknown, Rejected) and unknown.place == f"{STATEMENTS}, ECG 18"


def test_the_maker_makes_some_of_what_a_machine_says() -> None:
    rng = random.Random(1)
    said = Counter(token for _ in range(200) for token in statements(["SR", "ASMI", "LAFB"], rng))
    assert said["NSR"] > 150 and said["AFB"] > 150 and said["AU"] >= said["ASMI"] and said["PO"] > 3


def test_real_rows_are_paired(shared: Path, tmp_path: Path) -> None:
    with (shared / "ptbxl" / TABLE).open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if int(row["ecg_id"]) % 10 == 1]
    make(rows, tmp_path)
    taken = found(shared / "ptbxl", tmp_path)
    pairs = [each for each in taken if isinstance(each, Entry) and len(each.readings) == 2]
    assert len(taken) == 21_837 and len(pairs) == len(rows) - WITHOUT_A_ROW
