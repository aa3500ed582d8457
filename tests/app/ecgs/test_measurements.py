"""What is known of a recording besides its signal: measurements, care unit, order."""

import json
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.kit.database import Database
from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb
from ml.rules import read

DEVICE = {
    "heart_rate": 61,
    "pr_ms": 160.04,
    "qt_ms": 400.3,
    "qtc_ms": 403,
    "qtc_formula": "fridericia",
    "qrs_axis": -30,
}


def upload(client: httpx.Client, seed: int = 3, **known: Any) -> httpx.Response:
    files = [("file", item) for item in write_wfdb(next(simulate(1, seed=seed)).recording, "r").items()]
    return client.post("/v1/ecgs", files=files, data={"metadata": json.dumps(known)})


def test_the_devices_measurements_and_ours_stand_apart(client: httpx.Client) -> None:
    ecg = upload(client, measurements=DEVICE, location="ICU").json()
    nothing = dict.fromkeys(("heart_rate", "pr_ms", "qrs_ms", "qt_ms", "qtc_ms", "p_axis", "qrs_axis", "t_axis"))
    device = {**nothing, **DEVICE, "pr_ms": 160.0, "by": "device"}
    assert (ecg["measurements"], ecg["location"]) == (device, "ICU")
    apart = client.get(f"/v1/ecgs/{ecg['id']}/measurements").json()
    assert apart["device"] == device
    ours = apart["overread"]
    assert ours["by"] == "overread" and ours["qtc_formula"] is None and ours["pr_ms"] is None
    assert 20 < ours["heart_rate"] < 250 and 40 < ours["qrs_ms"] < 250 and -180 <= ours["qrs_axis"] <= 180


def test_an_ecg_without_either_says_so(client: httpx.Client) -> None:
    ecg = upload(client).json()
    assert ecg["measurements"] is None
    assert client.get(f"/v1/ecgs/{ecg['id']}/measurements").json()["device"] is None


def test_missing_measurements_are_filled_in_and_others_are_conflicts(client: httpx.Client) -> None:
    upload(client, measurements={"heart_rate": 61})
    again = upload(client, measurements={"heart_rate": 62, "qt_ms": 400.3}).json()
    assert again["conflicts"] == ["heart_rate"]
    assert (again["measurements"]["heart_rate"], again["measurements"]["qt_ms"]) == (61.0, 400.3)
    assert upload(client, measurements={"heart_rate": 61, "qt_ms": 400.3}).json()["conflicts"] == []


@pytest.mark.parametrize(
    ("measurements", "field"),
    [
        ({"heart_rate": -1}, "heart_rate"),
        ({"qrs_axis": 181}, "qrs_axis"),
        ({"qt_ms": 29_999}, "qt_ms"),
        ({"qtc_formula": "sagie"}, "qtc_formula"),
        ({"colour": 1}, "colour"),
    ],
)
def test_a_measurement_that_cannot_be_is_refused(client: httpx.Client, measurements: Any, field: str) -> None:
    answer = upload(client, measurements=measurements)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == f"metadata.measurements.{field}"


def test_an_order_is_found_by_its_number_which_is_nowhere(client: httpx.Client, database: Database) -> None:
    ecg = upload(client, order_id="4711", patient_id="4711", location="ICU").json()
    assert ecg["order"] not in (None, ecg["patient"]), "the hash of the same digits is another"
    for asked in ({"order_id": " 4711 "}, {"order_id": "4711", "patient_id": "4711"}):
        found = client.post("/v1/ecgs/search", json=asked).json()
        assert [each["id"] for each in found["items"]] == [ecg["id"]]
    assert client.post("/v1/ecgs/search", json={"order_id": "4712"}).json()["items"] == []
    assert client.post("/v1/ecgs/search", json={}).status_code == 422
    assert [each["id"] for each in client.get("/v1/ecgs", params={"location": "ICU"}).json()["items"]] == [ecg["id"]]
    unknown = client.get("/v1/ecgs", params={"location": "ward"})
    assert unknown.status_code == 422 and unknown.json()["errors"][0]["field"] == "query.location"
    with database.begin() as session:
        for table in ("ecgs", "audit_log"):
            rows = session.execute(text(f"SELECT {table}::text FROM {table}")).scalars().all()
            assert not any("4711" in row.replace(ecg["id"], "") for row in rows)


def test_what_is_measured_here_is_what_the_rules_measure(client: httpx.Client) -> None:
    ecg = upload(client).json()
    ours = client.get(f"/v1/ecgs/{ecg['id']}/measurements").json()["overread"]
    evidence = read(next(simulate(1, seed=3)).recording).evidence
    assert ours["qrs_ms"] == evidence["qrs_ms"]
    assert ours["qrs_axis"] == pytest.approx(evidence["qrs_axis"], abs=0.06)
