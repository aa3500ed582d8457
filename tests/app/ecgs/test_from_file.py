"""What an upload takes from its file: only what the form says nothing of, and nobody's name."""

import json
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.kit.database import Database
from app.kit.folders import Folders
from app.models.starter import ensure_starter
from app.settings import Settings
from ml.formats.wfdb import write_wfdb
from tests.ml.formats.edf import edf_file
from tests.ml.formats.muse import EDITED, ORIGINAL, PATIENT, TEST, diagnosis, eight_leads, muse, muse_file, waveform
from tests.ml.formats.records import simulated

RECORDING = simulated(7)
NAMED = muse_file(
    RECORDING,
    patient=PATIENT.replace("4711", "PAT-815-471") + "<PatientLastName>Quastelheimer</PatientLastName>",
    test=TEST.replace("DOE", "Brombacher") + "<ReferringMDLastName>Vantongeren</ReferringMDLastName>",
)
NAMES = ("PAT-815-471", "Quastelheimer", "Brombacher", "Vantongeren", "ORD-99-77")


def upload(client: httpx.Client, content: bytes, **fields: str) -> dict[str, Any]:
    answer = client.post("/v1/ecgs", files={"file": ("e.xml", content)}, data=fields)
    assert answer.status_code in (200, 201), answer.text
    ecg: dict[str, Any] = answer.json()
    return ecg


def reports(ecg: dict[str, Any]) -> list[tuple[str, tuple[str, ...]]]:
    return [(each["source"], tuple(each["text"].splitlines())) for each in ecg["reports"]]


def test_a_file_gives_facts_and_both_readings(client: httpx.Client) -> None:
    ecg = upload(client, NAMED)
    assert ecg["from_file"] == [
        *("patient_id", "site", "location", "device", "device_software", "age", "sex", "measurements", "recorded_at"),
        *("machine_report", "overread_report"),
    ]
    assert (ecg["site"], ecg["location"], ecg["device"], ecg["device_software"]) == ("North", "Ward 7", "MAC55", "241")
    assert (ecg["age"], ecg["sex"], ecg["recorded_at"]) == (60, "male", "2021-05-20T13:15:18Z")
    assert (ecg["measurements"]["heart_rate"], ecg["measurements"]["by"]) == (75, "device")
    assert reports(ecg) == [("machine", ORIGINAL), ("overread", EDITED)]
    overread = ecg["reports"][1]
    assert overread["reader"].startswith("reader-") and "brombacher" not in overread["reader"].lower()
    assert (overread["authored_at"], overread["blinded"], overread["validated"], overread["final"]) == (
        "2021-05-21T17:03:33Z",
        "no",
        "yes",
        False,
    )


def test_the_form_wins_field_by_field_and_source_by_source(client: httpx.Client) -> None:
    metadata = {
        "site": "south",
        "sex": "unknown",
        "age": 61,
        "recorded_at": "2020-01-01T00:00:00Z",
        "measurements": {"pr_ms": 150},
    }
    ecg = upload(client, NAMED, metadata=json.dumps(metadata), overread_report="Atrial flutter")
    assert (ecg["site"], ecg["sex"], ecg["age"], ecg["recorded_at"]) == ("south", "unknown", 61, "2020-01-01T00:00:00Z")
    assert (ecg["measurements"]["pr_ms"], ecg["measurements"]["heart_rate"]) == (150, None)
    assert reports(ecg) == [("machine", ORIGINAL), ("overread", ("Atrial flutter",))]
    assert ecg["from_file"] == ["patient_id", "location", "device", "device_software", "machine_report"]


def test_a_local_time_is_the_sites(client: httpx.Client, database: Database) -> None:
    with database.begin() as session:
        session.execute(text("INSERT INTO sites (name, time_zone) VALUES ('North', 'America/New_York')"))
    ecg = upload(client, NAMED)
    assert ecg["recorded_at"] == "2021-05-20T17:15:18Z"
    assert ecg["reports"][1]["authored_at"] == "2021-05-21T21:03:33Z"


@pytest.mark.parametrize(
    ("file", "readings"),
    [
        ("muse_xml/muse_ecg1.xml", ["machine", "overread"]),
        ("philips_sierra_xml/129DYPRG.XML", ["machine"]),
        ("philips_sierra_xml/ad4d3d80-d165_1-04_orig.xml", ["machine", "overread"]),
        ("hl7_aecg/Example_aECG.xml", []),
        ("dicom_ecg/mortara_12lead.dcm", ["machine"]),
        ("scp_ecg/Example.scp", []),
    ],
)
def test_real_files_of_every_format_are_stored(
    client: httpx.Client, shared: Path, file: str, readings: list[str]
) -> None:
    ecg = upload(client, (shared / "formats" / file).read_bytes())
    assert [each["source"] for each in ecg["reports"]] == readings
    assert {"recorded_at", "device", "measurements", "patient_id"} <= set(ecg["from_file"])
    assert ecg["measurements"]["by"] == "device" and ecg["patient"] is not None


def test_a_file_without_facts_is_stored(client: httpx.Client, shared: Path) -> None:
    ecg = upload(client, (shared / "sph_h5/SPH00001.h5").read_bytes())
    assert ecg["reports"] == [] and ecg["from_file"] == []


def test_an_edf_file_gives_no_name(client: httpx.Client, database: Database) -> None:
    ecg = upload(client, edf_file(RECORDING))
    assert ecg["from_file"] == ["patient_id", "order_id", "device", "age", "sex", "recorded_at"]
    assert not any(name in json.dumps(ecg) for name in ("PAT-815", "ORD-99", "Quastelheimer", "Brombacher"))


def test_the_same_file_again_changes_nothing(client: httpx.Client) -> None:
    first, again = upload(client, NAMED), upload(client, NAMED)
    assert (first["id"], first["reports"], again["conflicts"]) == (again["id"], again["reports"], [])
    assert first["from_file"] == again["from_file"]


def test_a_wfdb_record_of_the_same_signal_is_the_same_ecg(client: httpx.Client) -> None:
    twelve = "".join(
        f"<LeadData><LeadAmplitudeUnitsPerBit>5</LeadAmplitudeUnitsPerBit>{each}"
        for each in eight_leads(RECORDING).split("<LeadData>")[1:]
    )
    from ml.formats import read

    content = muse(waveform("Rhythm", twelve)).encode()
    record = write_wfdb(read({"e.xml": content}).recording, "r")
    files = [("file", item) for item in record.items()]
    assert client.post("/v1/ecgs", files=files).json()["id"] == upload(client, content)["id"]


def test_what_does_not_fit_a_field_is_left_out(client: httpx.Client) -> None:
    content = muse_file(RECORDING, test=TEST.replace("Ward 7", "w" * 201))
    ecg = upload(client, content)
    assert ecg["location"] is None and "location" not in ecg["from_file"]


def test_a_report_of_names_alone_is_no_reading_and_one_too_long_is_refused(client: httpx.Client) -> None:
    signed = diagnosis("Diagnosis", ["Confirmed by Doe, John (123456) on 05/10/2021 1:15:09 PM"])
    status = "<TestDemographics><Status>CONFIRMED</Status></TestDemographics>"
    rhythm = waveform("Rhythm", eight_leads(RECORDING))
    ecg = upload(client, muse(status, signed, rhythm).encode())
    assert (ecg["reports"], ecg["from_file"]) == ([], [])
    content = muse(diagnosis("OriginalDiagnosis", ["Sinus rhythm " * 6000]), rhythm).encode()
    answer = client.post("/v1/ecgs", files={"file": ("e.xml", content)})
    assert answer.status_code == 413
    assert [error["field"] for error in answer.json()["errors"]] == ["file"]
    assert "machine_report" in answer.json()["errors"][0]["reason"]


def every_row(database: Database) -> str:
    with database.begin() as session:
        tables = session.scalars(text("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'")).all()
        rows = [session.scalars(text(f"SELECT each::text FROM {table} AS each")).all() for table in tables]
    return "\n".join(row for table in rows for row in table)


def test_no_name_and_no_number_is_kept_anywhere(
    client: httpx.Client, database: Database, settings: Settings, shared: Path
) -> None:
    order = "<Order><OrderNumber>ORD-99-77</OrderNumber></Order></RestingECG>"
    answers = [json.dumps(upload(client, NAMED.replace(b"</RestingECG>", order.encode())))]
    real = sorted((shared / "formats/muse_xml").glob("*.xml"))
    answers += [json.dumps(upload(client, path.read_bytes())) for path in real]
    damaged = NAMED.replace(b"<LeadID>V3</LeadID>", b"<LeadID>V2</LeadID>")
    answers.append(client.post("/v1/ecgs", files={"file": ("Quastelheimer.xml", damaged)}).text)
    stored = every_row(database) + "".join(answers)
    assert "Ventricular-paced rhythm" in stored
    for name in (*NAMES, "JAX01234", "Doe, John", "123456"):
        assert name.lower() not in stored.lower(), name
        files = [path for path in settings.data_dir.rglob("*") if path.is_file()]
        assert not any(name.encode() in path.read_bytes() for path in files), name


@pytest.mark.usefixtures("starter")
def test_a_question_about_a_file_tells_what_its_machine_said(client: httpx.Client) -> None:
    answer = client.post("/v1/predictions", files={"file": ("e.xml", NAMED)}, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202, answer.text
    ecg = client.get(f"/v1/ecgs/{uuid.UUID(answer.json()['ecg_id'])}").json()
    assert reports(ecg) == [("machine", ORIGINAL), ("overread", EDITED)]


@pytest.fixture
def starter(database: Database, settings: Settings) -> None:
    """A model that an upload can be asked about."""
    ensure_starter(database, Folders(settings.data_dir))
