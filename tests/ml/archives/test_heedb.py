"""The Harvard-Emory database: both hospitals' ways of writing a file's name, and both machines."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from ml.archives import BadArchive, Entry, Found, Rejected, read
from ml.archives.heedb import ACQUISITION, DICTIONARY, METADATA, VERSION_24
from ml.formats.disk import record_at
from ml.formats.recording import Recording
from ml.formats.wfdb import write_wfdb
from ml.labeling import Code

MGH, EMORY = "S0001/1988/04/de_111188448_19900713093800_19900713", "2010/MUSE_20191206_105123_71000"


def write(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Two hospitals with an ECG or two each."""
    for hospital, sex in (("I0001", "SexDSC"), ("I0006", "Sex")):
        folder = tmp_path / "ECG" / hospital
        write(folder / DICTIONARY, "codes,acronym,diagnoses", "19,NSR,Sinus rhythm", "440,RBBB,RBBB", "831,AU,", "7,,x")
        name = f"/{MGH}" if hospital == "I0001" else f"WFDB/{EMORY}"
        write(
            folder / METADATA,
            f"BDSPPatientID,FileName,{sex},ECGAcquisitionTime,AgeAtAcquisition",
            f"111188448.0,{name},Female,1990-07-13 09:38:00,21570",
            f"111188448.0,{name}_2,?,unknown,-3",
        )
        acquired = [f'{name},"19,440,831","19, 999",0.5', f"{name}_2,,7,"]
        write(folder / ACQUISITION, "FileName,codes_software,codes_physician,jaccard_index", *acquired)
        later = f'"./{MGH}.hea\n"' if hospital == "I0001" else name
        write(folder / VERSION_24, "FileName,codes", f'{later},"19, 440"')
    return tmp_path


def entries(path: Path, options: dict[str, str] | None = None) -> list[Entry]:
    found: list[Found] = list(read("heedb", path, options or {}))
    assert all(isinstance(each, Entry) for each in found), found
    return [each for each in found if isinstance(each, Entry)]


def test_an_ecg_has_what_the_machine_and_the_over_reader_said(archive: Path) -> None:
    first, second, emory, _ = entries(archive)
    machine, over_read = first.readings
    assert (machine.source, machine.codes) == (
        "machine",
        (Code("12SL", "NSR"), Code("12SL", "RBBB"), Code("12SL", "AU")),
    )
    assert over_read.codes == (Code("12SL", "NSR"), Code("12SL", "999"))  # a number without acronym is not dropped
    assert (over_read.blinded, over_read.validated, machine.blinded) == ("no", "yes", "unknown")
    assert [reading.codes for reading in second.readings] == [(Code("12SL", "7"),)]
    facts = first.facts
    assert (facts.recorded_at, facts.sex, facts.age) == (datetime(1990, 7, 13, 9, 38), "female", 59.06)
    assert (facts.site, facts.patient_id) == ("heedb-I0001", "heedb/111188448")
    assert (second.facts.recorded_at, second.facts.sex, second.facts.age) == (None, None, None)
    assert emory.facts.sex == "female" and emory.facts.site == "heedb-I0006"


def test_a_record_is_named_by_no_number_of_a_patient(archive: Path) -> None:
    for entry in entries(archive):
        assert entry.record is not None and "11188448" not in entry.record
    assert len({entry.record for entry in entries(archive)}) == 4


def test_names_lead_to_the_headers_at_250_and_500_hz(archive: Path) -> None:
    for hospital, name, rate in (("I0001", MGH, 250.0), ("I0006", EMORY, 500.0)):
        samples = np.random.default_rng(1).integers(-900, 900, (12, int(10 * rate)), np.int32)
        header = archive / "ECG" / hospital / "WFDB" / f"{name}.hea"
        header.parent.mkdir(parents=True)
        for file, content in write_wfdb(Recording(samples, np.full(12, 200.0), rate), header.stem).items():
            (header.parent / file).write_bytes(content)
    signals = [entry.signal for entry in entries(archive) if entry.signal and entry.signal.exists()]
    records = [record_at(signal) for signal in signals]
    assert [record.read().recording.sampling_rate_hz for record in records if record] == [250.0, 500.0]


def test_version_24_takes_the_machines_place(archive: Path) -> None:
    found = entries(archive / "ECG" / "I0001", {"machine": "v24"})
    over_read, _, machine = found
    assert [reading.source for each in found for reading in each.readings] == ["overread", "overread", "machine"]
    assert machine.record == over_read.record and over_read.readings[0].blinded == "yes"
    assert machine.readings[0].codes == (Code("12SL", "NSR"), Code("12SL", "RBBB"))


def test_columns_may_be_named_otherwise(archive: Path) -> None:
    table = archive / "ECG/I0001" / ACQUISITION
    table.write_text(table.read_text().replace("codes_physician", "final_codes"))
    with pytest.raises(BadArchive, match="codes_physician is missing"):
        entries(archive)
    assert len(entries(archive / "ECG/I0001", {"columns": "codes_physician=final_codes"})) == 2


def test_ecgs_without_statements_are_counted_and_bad_rows_named(archive: Path) -> None:
    table = archive / "ECG/I0001" / ACQUISITION
    lines = [f"/{MGH},NSR,19,", "/../../../../etc/passwd,19,19,", ",19,19,"]
    write(table, "FileName,codes_software,codes_physician,jaccard_index", *lines)
    found = list(read("heedb", archive / "ECG/I0001"))
    assert all(isinstance(each, Rejected) for each in found)
    details = [each.reasons[0].detail for each in found if isinstance(each, Rejected)]
    assert details == [
        "codes_software is no list of numbers of statements",
        "FileName is no path below the folder WFDB",
        "FileName is empty",
        "2 ECGs have no row in diagnoses_acquisition.csv",
    ]


def test_another_folder_or_option_is_refused(tmp_path: Path, archive: Path) -> None:
    with pytest.raises(BadArchive, match=r"12SL_diagnoses/diagnoses_acquisition.csv is neither in metadata nor"):
        entries(tmp_path / "ECG" / "I0001" / "metadata")
    with pytest.raises(BadArchive, match="machine is none of acquisition, v24"):
        entries(archive, {"machine": "v23"})
