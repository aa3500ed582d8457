"""A manifest is read the same as CSV and as Parquet, and says what it cannot take by column."""

import csv
import io
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.archives import ARCHIVES, BadArchive, Entry, Rejected, read
from ml.archives.manifest import COLUMNS, EXAMPLE
from ml.formats.ecg_file import MEASURED, Facts, Measurements, Reading
from ml.labeling import Code

HASH = "0123456789abcdef" * 4
WHOLE: dict[str, Any] = {
    "record": "site/1",
    "path": "ecgs/1.hea",
    "machine_text": "Sinus rhythm\nLVH",
    "machine_codes": "12SL:NSR 12SL:LVH",
    "machine_authored_at": datetime(2026, 3, 1, 9, 59),
    "overread_text": "Sinus rhythm",
    "overread_codes": "SCP:SR SCP:LVH@0.35",
    "reader": "dr-a",
    "authored_at": datetime(2026, 3, 1, 10, 15, tzinfo=UTC),
    "final": True,
    "blinded": "no",
    "validated": "yes",
    "patient_id": "4711",
    "order_hash": HASH,
    "recorded_at": datetime(2026, 3, 1, 9, 58),
    "site": "north",
    "location": "ward 3",
    "device": "MAC 2000",
    "device_software": "12SL v23",
    "age": 67.5,
    "sex": "female",
    "simulated": False,
    "heart_rate": 72.0,
    "pr_ms": 160.0,
    "qrs_ms": 90.0,
    "qt_ms": 400.0,
    "qtc_ms": 430.0,
    "qtc_formula": "bazett",
    "p_axis": 50.0,
    "qrs_axis": -30.0,
    "t_axis": 40.0,
}


def as_csv(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "m.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(column for row in rows for column in row)))
        writer.writeheader()
        writer.writerows(rows)
    return path


def as_parquet(folder: Path, *rows: dict[str, Any]) -> Path:
    pq.write_table(pa.Table.from_pylist(list(rows)), folder / "m.parquet")
    return folder / "m.parquet"


@pytest.mark.parametrize("write", [as_csv, as_parquet])
def test_every_column_is_read(tmp_path: Path, write: Any) -> None:
    (entry,) = read("manifest", write(tmp_path, WHOLE))
    assert entry == Entry(
        record="site/1",
        signal=tmp_path / "ecgs/1.hea",
        facts=Facts(
            recorded_at=datetime(2026, 3, 1, 9, 58),
            site="north",
            location="ward 3",
            device="MAC 2000",
            device_software="12SL v23",
            age=67.5,
            sex="female",
            patient_id="4711",
            order_hash=HASH,
            simulated=False,
            measurements=Measurements(
                heart_rate=72,
                pr_ms=160,
                qrs_ms=90,
                qt_ms=400,
                qtc_ms=430,
                qtc_formula="bazett",
                p_axis=50,
                qrs_axis=-30,
                t_axis=40,
            ),
        ),
        readings=(
            Reading(
                source="machine",
                text="Sinus rhythm\nLVH",
                codes=(Code("12SL", "NSR"), Code("12SL", "LVH")),
                authored_at=datetime(2026, 3, 1, 9, 59),
            ),
            Reading(
                source="overread",
                text="Sinus rhythm",
                codes=(Code("SCP", "SR"), Code("SCP", "LVH", 0.35)),
                reader="dr-a",
                authored_at=datetime(2026, 3, 1, 10, 15, tzinfo=UTC),
                final=True,
                blinded="no",
                validated="yes",
            ),
        ),
    )


def test_what_an_export_hides_is_kept_as_it_is(tmp_path: Path) -> None:
    row = {"record": "r", "overread_text": "LVH", "reader_pseudonym": "reader-1f", "patient_hash": HASH.upper()}
    (entry,) = read("manifest", as_csv(tmp_path, row))
    assert isinstance(entry, Entry)
    assert (entry.facts.patient_hash, entry.readings[0].reader_pseudonym) == (HASH, "reader-1f")


def test_the_example_is_a_manifest(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(ARCHIVES["manifest"].example)
    entries = list(read("manifest", tmp_path / "m.csv"))
    assert [isinstance(entry, Entry) and len(entry.readings) for entry in entries] == [2, 2]
    assert set(next(csv.reader(io.StringIO(EXAMPLE)))) <= set(COLUMNS)


@pytest.mark.parametrize(
    ("changed", "column"),
    [
        ({"path": "../other/1.hea"}, "path"),
        ({"path": "/etc/passwd"}, "path"),
        ({"machine_codes": "NSR"}, "machine_codes"),
        ({"overread_text": "", "overread_codes": ""}, "reader"),
        ({"record": "", "path": ""}, "record"),
        ({"patient_hash": HASH}, "patient_hash"),
        ({"order_hash": "12"}, "order_hash"),
        ({"recorded_at": "1.3.2026"}, "recorded_at"),
        ({"age": "old"}, "age"),
        ({"sex": "x"}, "sex"),
        ({"blinded": "perhaps"}, "blinded"),
        ({"qrs_axis": "181"}, "qrs_axis"),
        ({"qtc_formula": "rautaharju"}, "qtc_formula"),
        ({"site": "x" * 201}, "site"),
        ({"machine_text": "a\x07b"}, "machine_text"),
    ],
)
def test_a_bad_row_is_named_by_its_column_and_the_next_one_is_read(
    tmp_path: Path, changed: dict[str, Any], column: str
) -> None:
    rejected, entry = read("manifest", as_csv(tmp_path, WHOLE | changed, WHOLE))
    assert isinstance(rejected, Rejected) and isinstance(entry, Entry)
    assert rejected.place == "m.csv line 2"
    assert [reason.detail.split()[0] for reason in rejected.reasons] == [column]


def test_a_row_without_reports_needs_a_path(tmp_path: Path) -> None:
    rejected, entry = read("manifest", as_csv(tmp_path, {"record": "r", "path": ""}, {"record": "r", "path": "1.hea"}))
    assert isinstance(rejected, Rejected) and isinstance(entry, Entry) and entry.readings == ()


@pytest.mark.parametrize("write", [as_csv, as_parquet])
def test_a_column_that_is_not_known_is_refused_by_name_unless_it_is_ignored(tmp_path: Path, write: Any) -> None:
    path = write(tmp_path, WHOLE | {"ward": "3", "note": "x"})
    with pytest.raises(BadArchive, match="'ward' is no column of a manifest"):
        list(read("manifest", path))
    with pytest.raises(BadArchive, match="'note'"):
        list(read("manifest", path, {"ignore_columns": "ward"}))
    assert isinstance(next(read("manifest", path, {"ignore_columns": "ward, note,site"})), Entry)


def test_a_folder_holds_one_manifest(tmp_path: Path) -> None:
    as_csv(tmp_path, WHOLE).rename(tmp_path / "manifest.csv")
    (entry,) = read("manifest", tmp_path)
    assert isinstance(entry, Entry) and entry.signal == tmp_path / "ecgs/1.hea"
    as_parquet(tmp_path, WHOLE).rename(tmp_path / "pairs.parquet")
    with pytest.raises(BadArchive, match=r"or with several of them"):
        list(read("manifest", tmp_path))
    with pytest.raises(BadArchive, match=r"without one of manifest.csv, manifest.parquet, pairs.parquet"):
        (tmp_path / "empty").mkdir()
        list(read("manifest", tmp_path / "empty"))


def test_a_table_without_a_name_or_a_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadArchive, match="neither the column record nor the column path"):
        list(read("manifest", as_csv(tmp_path, {"machine_text": "LVH"})))


def test_values_that_no_cell_can_hold_reject_their_row_alone(tmp_path: Path) -> None:
    texts = pa.array([b"\xff", b"LVH", b"LVH"], pa.binary()).view(pa.string())
    times = pa.array([0, 2**62, 0], pa.timestamp("us"))
    pq.write_table(
        pa.table({"record": ["a", "b", "c"], "machine_text": texts, "recorded_at": times}), tmp_path / "m.parquet"
    )
    text, time, entry = read("manifest", tmp_path / "m.parquet")
    assert isinstance(text, Rejected) and text.reasons[0].detail.startswith("machine_text")
    assert isinstance(time, Rejected) and time.reasons[0].detail.startswith("recorded_at")
    assert isinstance(entry, Entry) and time.place == "m.parquet row 2"


def test_a_text_that_rows_share_is_held_once(tmp_path: Path) -> None:
    """A small file says a long text very often: what is read of it stays small."""
    text = "LVH " * 10_000 + "LVH"
    rows = pa.table({"record": [f"r{at}" for at in range(2_000)], "machine_text": [text] * 2_000})
    pq.write_table(rows, tmp_path / "m.parquet")
    assert (tmp_path / "m.parquet").stat().st_size < 200_000
    texts = [entry.readings[0].text for entry in read("manifest", tmp_path / "m.parquet") if isinstance(entry, Entry)]
    assert texts == [text] * 2_000 and len({id(each) for each in texts}) == 1


def test_parquet_columns_of_other_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadArchive, match="the column site holds neither text"):
        list(read("manifest", as_parquet(tmp_path, {"record": "r", "site": ["a"]})))


@given(cut=st.integers(0, 2_000), changed=st.binary(min_size=1, max_size=4))
@settings(max_examples=60)
def test_damaged_parquet_is_refused(cut: int, changed: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("m")
    path = as_parquet(folder, {"record": "r", "machine_text": "LVH"})
    content = path.read_bytes()
    path.write_bytes(content[:cut] + changed + content[cut + len(changed) :])
    try:
        found = list(read("manifest", path))
    except BadArchive as error:
        assert "m.parquet" in str(error)
    else:
        assert len(found) <= 1


def test_every_measurement_has_a_column() -> None:
    assert set(MEASURED) < set(COLUMNS)


def test_the_page_lists_the_columns_in_order() -> None:
    page = Path(__file__).resolve().parents[3] / "docs/reference/manifest.md"
    rows = [line.split("|")[1] for line in page.read_text().splitlines() if line.startswith("| `")]
    assert re.findall(r"`(\w+)`", "".join(rows)) == list(COLUMNS)
