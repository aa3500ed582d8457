"""`POST /v1/ecgs/{id}/rule-reading`: stored as ours, beside a vendor's reading, and counted only without one."""

import json
from collections.abc import Set
from typing import Any

import httpx
import numpy as np

from app.rules.name import RULES
from ml.corpus.simulator.heart import record
from ml.formats.recording import Recording
from ml.formats.wfdb import write_wfdb
from ml.rules import read, rule_book

VERSION = rule_book().version


def uploaded(client: httpx.Client, recording: Recording, **form: str) -> dict[str, Any]:
    files = [("file", item) for item in write_wfdb(recording, "r").items()]
    answer = client.post(
        "/v1/ecgs", files=files, data={"metadata": json.dumps({"device_software": "12SL v23"}), **form}
    )
    assert answer.status_code == 201, answer.text
    ecg: dict[str, Any] = answer.json()
    return ecg


def heart(labels: Set[str] = frozenset({"sinus_rhythm", "lbbb"}), seed: int = 1) -> Recording:
    return record(set(labels), np.random.default_rng(seed))


def counted(client: httpx.Client, ecg: dict[str, Any]) -> list[str]:
    reports = client.get(f"/v1/ecgs/{ecg['id']}/reports").json()["items"]
    return [each["reader"] or "" for each in reports if each["source"] == "machine" and each["counts"]]


def pairs(client: httpx.Client, **chosen: str) -> int:
    answer = client.get("/v1/disagreement", params=chosen)
    assert answer.status_code == 200, answer.text
    number: int = answer.json()["pairs"]
    return number


def test_the_reserved_name_is_the_rules_own() -> None:
    assert VERSION.startswith(RULES)


def test_an_ecg_is_read_and_the_reading_is_marked_as_ours(client: httpx.Client) -> None:
    recording = heart()
    ecg = uploaded(client, recording, overread_report="Left bundle branch block")
    answer = client.post(f"/v1/ecgs/{ecg['id']}/rule-reading")
    assert answer.status_code == 201
    said, expected = answer.json(), read(recording)
    assert said["device_software"] == said["report"]["reader"] == VERSION
    assert said["report"]["source"] == "machine" and said["report"]["text"] == expected.text
    assert {each["label"] for each in said["report"]["findings"]} == expected.findings >= {"lbbb"}
    assert [each["because"] for each in said["statements"]] == [list(each.because) for each in expected.statements]
    assert said["scores"]["lbbb"] == round(expected.scores["lbbb"], 3)
    assert counted(client, ecg) == [VERSION]
    assert pairs(client, device_software=VERSION) == 1 and pairs(client, device_software="12SL v23") == 0
    groups = client.get("/v1/disagreement", params={"group_by": "device_software"}).json()["groups"]
    assert [each["group"] for each in groups] == [{"device_software": VERSION}]


def test_the_same_rules_again_store_nothing(client: httpx.Client) -> None:
    ecg = uploaded(client, heart())
    first, second = (client.post(f"/v1/ecgs/{ecg['id']}/rule-reading") for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["report"]["id"] == second.json()["report"]["id"]


def test_a_machine_s_reading_counts_whether_it_comes_before_or_after(client: httpx.Client) -> None:
    before = uploaded(client, heart(seed=1), machine_report="Sinus rhythm", overread_report="Sinus rhythm")
    client.post(f"/v1/ecgs/{before['id']}/rule-reading")
    after = uploaded(client, heart(seed=2), overread_report="Sinus rhythm")
    client.post(f"/v1/ecgs/{after['id']}/rule-reading")
    assert pairs(client, device_software=VERSION) == 1
    machine = {"source": "machine", "text": "Sinus rhythm", "authored_at": "2001-01-01T00:00:00Z"}
    assert client.post(f"/v1/ecgs/{after['id']}/reports", json=machine).status_code == 201
    assert counted(client, before) == counted(client, after) == [""]
    assert pairs(client, device_software=VERSION) == 0 and pairs(client, device_software="12SL v23") == 2
    lbbb = next(each for each in client.get("/v1/disagreement").json()["labels"] if each["label"] == "lbbb")
    assert lbbb["machine"] == 0, "what our rules say is in no table beside a machine's reading"


def test_nobody_writes_in_the_name_of_the_rules(client: httpx.Client) -> None:
    ecg = uploaded(client, heart())
    given = {"source": "machine", "text": "Sinus rhythm", "reader": f"{RULES}9"}
    answer = client.post(f"/v1/ecgs/{ecg['id']}/reports", json=given)
    assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == "reader"
    assert client.post(f"/v1/ecgs/{ecg['id']}/reports", json={**given, "source": "overread"}).status_code == 201


def test_what_is_not_readable_says_why_and_is_not_stored(client: httpx.Client) -> None:
    noise = np.random.default_rng(0).integers(-500, 500, (12, 5000)).astype(np.int32)
    ecg = uploaded(client, Recording(noise, np.full(12, 1000.0), 500.0))
    answer = client.post(f"/v1/ecgs/{ecg['id']}/rule-reading")
    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/not_readable" and answer.json()["errors"][0]["code"] == "noise"
    assert client.get(f"/v1/ecgs/{ecg['id']}/reports").json()["items"] == []


def test_an_ecg_without_a_waveform_is_not_found(client: httpx.Client) -> None:
    assert client.post("/v1/ecgs/e2388a9a-9c11-40f8-855e-5a95e89fbca7/rule-reading").status_code == 404
