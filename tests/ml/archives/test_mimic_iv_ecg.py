"""MIMIC-IV-ECG: the machine's lines are one report, sentinels are no measurements, notes find their ECGs."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from ml.archives import BadArchive, Entry, Rejected, read
from ml.archives.mimic_iv_ecg import LINKS, MACHINE, RECORDS
from ml.formats.disk import record_at
from ml.formats.ecg_file import Facts, Measurements, Reading
from ml.formats.recording import LEADS

REAL = "mimic_iv_ecg/machine_measurements.csv"
HEADER = "subject_id,study_id,cart_id,ecg_time,report_0,report_1,report_2,rr_interval,p_onset,qrs_onset,qrs_end,t_end,p_axis,qrs_axis,t_axis"
PATH = "files/p1000/p10000032/s40689238/40689238"


def archive(folder: Path, *rows: str, records: tuple[str, ...] = (f"40689238,{PATH}",)) -> Path:
    (folder / MACHINE).write_text("\n".join((HEADER, *rows)) + "\n")
    (folder / RECORDS).write_text("\n".join(("study_id,path", *records)) + "\n")
    return folder


def test_the_real_row_is_read(shared: Path, tmp_path: Path) -> None:
    archive(tmp_path)
    (tmp_path / MACHINE).write_bytes((shared / REAL).read_bytes())
    (entry,) = read("mimic-iv-ecg", tmp_path)
    assert entry == Entry(
        record="mimic-iv-ecg/40689238",
        signal=tmp_path / f"{PATH}.hea",
        facts=Facts(
            recorded_at=datetime(2180, 7, 23, 8, 44),
            site="mimic-iv",
            device="cart 6848296",
            patient_id="mimic-iv/10000032",
            measurements=Measurements(
                heart_rate=91.0, pr_ms=130, qrs_ms=88, qt_ms=348, p_axis=81, qrs_axis=77, t_axis=79
            ),
        ),
        readings=(Reading(source="machine", text="Sinus rhythm\nPossible right atrial abnormality\nBorderline ECG"),),
    )


def test_what_was_not_measured_is_left_out(tmp_path: Path) -> None:
    """The row of a patient in atrial fibrillation, as the table has it, and one with no measurement at all."""
    fibrillation = "1,2,3,2137-05-21 15:50:00,Atrial fibrillation,,,769,29999,200,302,636,29999,-18,-67"
    nothing = "1,3,3,2137-05-21 15:50:00,,,,29999,40,29999,29999,65535,29999,29999,29999"
    first, second, _ = read("mimic-iv-ecg", archive(tmp_path, fibrillation, nothing))
    assert isinstance(first, Entry) and isinstance(second, Entry)
    assert first.facts.measurements == Measurements(heart_rate=78.0, qrs_ms=102, qt_ms=436, qrs_axis=-18, t_axis=-67)
    assert second.facts.measurements == Measurements() and second.readings == () and second.signal is None


def test_a_record_without_a_row_still_comes(tmp_path: Path) -> None:
    (entry,) = read("mimic-iv-ecg", archive(tmp_path))
    assert entry == Entry(record="mimic-iv-ecg/40689238", signal=tmp_path / f"{PATH}.hea", facts=Facts(site="mimic-iv"))


def test_notes_come_under_the_record_of_their_ecg(tmp_path: Path) -> None:
    archive(tmp_path, "1,40689238,3,2180-07-23 08:44:00,Sinus rhythm,,,659,,,,,,,")
    links = [
        "study_id,note_id,note_seq,charttime",
        "40689238,10000032-EK-7,1,2180-07-23 08:44:00",
        "40689239,,,",
        "x,y,,",
    ]
    (tmp_path / LINKS).write_text("\n".join(links) + "\n")
    notes = tmp_path / "notes.csv"
    rows = ['10000032-EK-7,"Sinus rhythm.\nLAD.",2180-07-23 10:00:00', "10000032-EK-8,Miller,", "10000032-EK-7,,"]
    notes.write_text("\n".join(["note_id,text,charttime", *rows]) + "\n")
    machine, link, note, unknown, empty = read("mimic-iv-ecg", tmp_path, {"notes": str(notes)})
    assert isinstance(machine, Entry) and machine.record == "mimic-iv-ecg/40689238"
    assert isinstance(link, Rejected) and link.place == f"{LINKS} line 4"
    authored_at = datetime(2180, 7, 23, 10)
    said = Reading(source="overread", text="Sinus rhythm.\nLAD.", authored_at=authored_at)
    assert note == Entry(record="mimic-iv-ecg/40689238", facts=Facts(site="mimic-iv"), readings=(said,))
    assert isinstance(unknown, Rejected) and unknown.reasons[0].detail == f"note_id is not in {LINKS}"
    assert isinstance(empty, Rejected) and empty.reasons[0].detail == "text is empty"


def test_the_columns_of_notes_may_be_named_otherwise(tmp_path: Path) -> None:
    archive(tmp_path)
    (tmp_path / LINKS).write_text("study_id,note_id\n40689238,7\n")
    notes = tmp_path / "notes.csv"
    notes.write_text("id,report\n7,Sinus rhythm\n")
    with pytest.raises(BadArchive, match="the column note_id is missing"):
        list(read("mimic-iv-ecg", tmp_path, {"notes": str(notes)}))
    found = list(read("mimic-iv-ecg", tmp_path, {"notes": str(notes), "note_columns": "note_id=id,text=report"}))
    assert isinstance(found[-1], Entry) and found[-1].readings[0].text == "Sinus rhythm"


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("1,,3,2180-07-23 08:44:00,x,,,,,,,,,,", "study_id"),
        ("x,2,3,2180-07-23 08:44:00,x,,,,,,,,,,", "subject_id"),
        ("1,2,3,yesterday,x,,,,,,,,,,", "ecg_time"),
        (f"1,2,3,2180-07-23 08:44:00,{'x' * 40_000},{'y' * 40_000},,,,,,,,,", "report_0"),
    ],
)
def test_a_bad_row_is_named_by_its_column(tmp_path: Path, row: str, column: str) -> None:
    rejected, *_ = read("mimic-iv-ecg", archive(tmp_path, row))
    assert isinstance(rejected, Rejected) and rejected.reasons[0].detail.startswith(column)


def test_paths_stay_in_the_folder(tmp_path: Path) -> None:
    first, second = read("mimic-iv-ecg", archive(tmp_path, records=("1,../../etc/passwd", "2,")))
    assert isinstance(first, Rejected) and isinstance(second, Rejected)


def test_avf_before_avl_is_read_by_name(tmp_path: Path) -> None:
    order = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")
    samples = np.random.default_rng(1).integers(-900, 900, (5000, 12)).astype("<i2")
    lines = [f"r.dat 16 200/mV 16 0 {samples[0, at]} 0 0 {lead}" for at, lead in enumerate(order)]
    (tmp_path / "r.hea").write_text("\n".join(["r 12 500 5000", *lines]) + "\n")
    (tmp_path / "r.dat").write_bytes(samples.tobytes())
    record = record_at(tmp_path / "r.hea")
    assert record is not None
    read_ones = record.read().recording.samples
    assert (read_ones[LEADS.index("aVF")] == samples[:, 4]).all() and (
        read_ones[LEADS.index("aVL")] == samples[:, 5]
    ).all()
