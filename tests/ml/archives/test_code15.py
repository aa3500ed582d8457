"""CODE-15%: a row of its table finds its ECG in a file of many."""

from pathlib import Path

import h5py
import numpy as np

from ml.archives import Entry, Rejected, read
from ml.formats.disk import record_at
from ml.formats.ecg_file import Facts, Reading
from tests.ml.archives.layouts import write
from tests.ml.formats.hdf5 import padded
from tests.ml.formats.records import simulated


def test_a_row_is_an_ecg_with_what_the_table_says(tmp_path: Path) -> None:
    write("code15", tmp_path)
    with h5py.File(tmp_path / "exams_part13.hdf5", "w") as file:
        signal = simulated().millivolts()[:, :4000]
        file["tracings"] = np.concatenate([padded(signal), padded(signal * 2)]).astype("<f4")
        file["exam_id"] = [99, 17]
    [entry] = read("code15", tmp_path)
    assert isinstance(entry, Entry)
    assert (entry.record, entry.facts) == ("code15/17", Facts(age=38, sex="male", patient_id="code15/1"))
    assert entry.readings == (Reading(source="overread", text="Right bundle branch block\nAtrial fibrillation"),)
    assert entry.signal is not None
    record = record_at(entry.signal)
    assert record is not None
    assert np.allclose(record.read().recording.millivolts(), 2 * signal, atol=1e-6)


def test_an_ecg_of_which_nothing_is_said_has_no_reading_and_a_bad_row_is_rejected(tmp_path: Path) -> None:
    write("code15", tmp_path)
    table = tmp_path / "exams.csv"
    header, row, _ = table.read_text().split("\n")
    nothing = row.replace("True,False,False,False,True,1", "False,False,False,False,False,1")
    normal = nothing.replace("False,exams", "True,exams")
    outside = row.replace("exams_part13.hdf5", "../x.hdf5")
    table.write_text("\n".join([header, nothing, normal, row.replace("17,", ","), outside, ""]))
    first, second, *wrong = read("code15", tmp_path)
    assert isinstance(first, Entry) and first.readings == ()
    assert isinstance(second, Entry) and [each.text for each in second.readings] == ["Normal ECG"]
    assert all(isinstance(each, Rejected) for each in wrong) and len(wrong) == 2
