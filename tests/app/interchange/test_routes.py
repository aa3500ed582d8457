"""FHIR and DICOM over HTTP: the stored waveform and readings, and no number of a patient."""

import io
import json
import uuid
from typing import Any

import httpx
import numpy as np
import pytest

from app.imports.service import import_reports
from app.kit.database import Database
from app.settings import Settings
from ml.corpus.simulator.heart import record
from ml.formats import read
from ml.formats.waveform import digest
from ml.formats.wfdb import write_wfdb
from tests.ml.formats.records import simulated

RECORDING = simulated()
METADATA = {
    "patient_id": "PATIENT-4711",
    "order_id": "ORDER-17",
    "record": "RECORD-42",
    "recorded_at": "2026-03-01T10:00:00Z",
    "device": "MAC 2000",
    "measurements": {"heart_rate": 72},
}


def upload(client: httpx.Client, **changed: Any) -> str:
    files = [("file", item) for item in write_wfdb(RECORDING, "r").items()]
    data = {
        "metadata": json.dumps({**METADATA, **changed}),
        "machine_report": "Sinus rhythm\nLeft axis deviation",
        "overread_report": "Atrial flutter, possible LVH",
    }
    answer = client.post("/v1/ecgs", files=files, data=data)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_fhir_has_the_waveform_and_both_readings(client: httpx.Client) -> None:
    ecg_id = upload(client)
    answer = client.get(f"/v1/ecgs/{ecg_id}/fhir")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/fhir+json"
    found = [each["resource"] for each in answer.json()["entry"]]
    assert [each["resourceType"] for each in found] == [
        *("Patient", "Device", "Observation", "Observation", "DiagnosticReport", "DiagnosticReport")
    ]
    assert found[2]["identifier"][0]["value"] == digest(RECORDING)
    first = found[2]["component"][0]["valueSampledData"]["data"]
    assert np.array_equal(np.array(first.split(), int), RECORDING.samples[0])
    said = {each["status"]: [code["coding"][0]["code"] for code in each["conclusionCode"]] for each in found[4:]}
    assert said == {"preliminary": ["sinus_rhythm", "lad"], "final": ["aflutter", "lvh.uncertain"]}


def test_dicom_is_read_as_the_same_waveform(client: httpx.Client) -> None:
    answer = client.get(f"/v1/ecgs/{upload(client)}/dicom")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/dicom"
    assert digest(read({"e.dcm": answer.content}).recording) == digest(RECORDING)


def test_a_dicom_file_comes_in_again_as_the_same_ecg(client: httpx.Client) -> None:
    ecg_id = upload(client)
    content = client.get(f"/v1/ecgs/{ecg_id}/dicom").content
    again = client.post("/v1/ecgs", files={"file": ("e.dcm", content)})
    assert (again.status_code, again.json()["id"]) == (200, ecg_id)


@pytest.mark.parametrize("form", ["fhir", "dicom"])
def test_no_number_of_a_patient_goes_out_and_the_access_log_has_it(client: httpx.Client, form: str) -> None:
    ecg_id = upload(client)
    answer = client.get(f"/v1/ecgs/{ecg_id}/{form}")
    assert client.get(f"/v1/ecgs/{ecg_id}").json()["patient"].encode() in answer.content
    for number in (b"PATIENT-4711", b"ORDER-17", b"RECORD-42"):
        assert number not in answer.content
    logged = client.get("/v1/access-log", params={"ecg_id": ecg_id}).json()["items"]
    assert f"get_{form}" in [each["operation"] for each in logged]


def test_an_ecg_without_a_waveform_has_its_readings(
    client: httpx.Client, database: Database, settings: Settings
) -> None:
    line = json.dumps({"record": "R-1", "source": "machine", "text": "Sinus rhythm"}).encode()
    import_reports(database, settings, "test", io.BytesIO(line), progress=lambda _: None)
    [ecg] = client.get("/v1/ecgs").json()["items"]
    found = [each["resource"] for each in client.get(f"/v1/ecgs/{ecg['id']}/fhir").json()["entry"]]
    assert [(each["resourceType"], each["conclusion"]) for each in found] == [("DiagnosticReport", "Sinus rhythm")]
    refused = client.get(f"/v1/ecgs/{ecg['id']}/dicom")
    assert (refused.status_code, refused.json()["type"]) == (404, "/problems/no_waveform")


@pytest.mark.parametrize("form", ["fhir", "dicom"])
def test_an_unknown_ecg_is_not_found(client: httpx.Client, form: str) -> None:
    assert client.get(f"/v1/ecgs/{uuid.uuid4()}/{form}").status_code == 404


def test_a_long_ecg_is_given_as_dicom_only(client: httpx.Client) -> None:
    second = record({"sinus_rhythm"}, np.random.default_rng(1))
    samples = np.tile(second.samples, (1, 61))
    files = [("file", item) for item in write_wfdb(type(second)(samples, second.gain, 500.0), "r").items()]
    ecg_id = client.post("/v1/ecgs", files=files).json()["id"]
    refused = client.get(f"/v1/ecgs/{ecg_id}/fhir")
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/too_long")
    assert len(client.get(f"/v1/ecgs/{ecg_id}/dicom").content) > samples.size * 2
