"""The list of ECGs and the page of one ECG, as the server writes them."""

import html
import json
import re
import uuid
from typing import Any

import httpx
import pytest

from app.imports.batch import Facts, Line
from app.imports.loader import Loader
from app.kit.database import Database
from app.settings import Settings
from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb

BROWSER = {"Accept": "text/html"}
HOSTILE = '"><script>alert(1)</script>'


def upload(client: httpx.Client, seed: int = 3, machine: str = "", overread: str = "", **known: Any) -> str:
    files = [("file", item) for item in write_wfdb(next(simulate(1, seed=seed)).recording, "r").items()]
    form = {"metadata": json.dumps(known), "machine_report": machine, "overread_report": overread}
    answer = client.post("/v1/ecgs", files=files, data={name: text for name, text in form.items() if text})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def page(client: httpx.Client, path: str, status: int = 200, **parameters: Any) -> str:
    answer = client.get(path, headers=BROWSER, params=parameters)
    assert answer.status_code == status, answer.text
    return answer.text


def difference(text: str) -> str:
    found = re.search(r'id="difference">(.*?)</p>', text)
    assert found is not None
    return html.unescape(found[1])


def marked(text: str) -> list[str]:
    return [html.unescape(words) for words in re.findall(r"<mark [^>]*>(.*?)</mark>", text)]


def test_the_list_shows_what_the_api_lists(client: httpx.Client) -> None:
    north = upload(client, 1, overread="Atrial flutter", site="north", record="rec-1")
    south = upload(client, 2, overread="Sinus rhythm", site="south")
    everything = page(client, "/ecgs")
    assert f"/ecgs/{north}" in everything and f"/ecgs/{south}" in everything
    flutter = page(client, "/ecgs", label="aflutter")
    assert f"/ecgs/{north}" in flutter and f"/ecgs/{south}" not in flutter
    first = page(client, "/ecgs", limit=1)
    following = re.search(r'href="([^"]*cursor=[^"]*)" rel="next"', first)
    assert following is not None and f"/ecgs/{south}" in first
    assert f"/ecgs/{north}" in page(client, html.unescape(following[1]))
    assert "no real ECG has it" in page(client, "/ecgs", 422, site="nowhere")


def test_an_empty_archive_says_what_to_do(client: httpx.Client) -> None:
    assert "No ECG is like this" in page(client, "/ecgs")


@pytest.mark.parametrize(
    ("machine", "overread", "said"),
    [
        (
            "Sinus rhythm\nLeft ventricular hypertrophy",
            "Atrial flutter\nPossible left ventricular hypertrophy",
            "The over-read adds Atrial Flutter; removes Sinus Rhythm; hedges LVH.",
        ),
        ("Possible left ventricular hypertrophy", "Left ventricular hypertrophy", "The over-read makes certain LVH."),
        ("Sinus rhythm", "Sinus rhythm", "The over-read changes no label."),
    ],
)
def test_the_differences_are_said_in_words(client: httpx.Client, machine: str, overread: str, said: str) -> None:
    assert difference(page(client, f"/ecgs/{upload(client, machine=machine, overread=overread)}")) == said


def test_findings_are_marked_where_they_stand_in_code_points(client: httpx.Client) -> None:
    ecg_id = upload(client, machine="🫀🫀 Sinus rhythm, no atrial flutter", overread="Atrial flutter")
    assert marked(page(client, f"/ecgs/{ecg_id}")) == ["Sinus rhythm", "no", "atrial flutter", "Atrial flutter"]


def test_texts_of_an_ecg_are_texts_on_its_page(client: httpx.Client) -> None:
    known = {name: f"{name} {HOSTILE}" for name in ("record", "site", "device", "device_software", "location")}
    ecg_id = upload(client, machine=f"Sinus rhythm {HOSTILE}", overread=f"{HOSTILE} LBBB", patient_id="1", **known)
    other = upload(client, 4, patient_id="1", **{**known, "record": f"other {HOSTILE}"})
    for text in (page(client, f"/ecgs/{ecg_id}"), page(client, f"/ecgs/{other}"), page(client, "/ecgs")):
        assert "<script>alert" not in text and "&lt;script&gt;alert" in text


def test_other_ecgs_of_the_patient_are_there_and_recorded_as_shown(client: httpx.Client) -> None:
    first, second = (
        upload(client, seed, patient_id="4711", recorded_at=f"202{seed}-01-01T00:00:00Z") for seed in (1, 2)
    )
    stranger = upload(client, 3, patient_id="1")
    text = page(client, f"/ecgs/{second}")
    assert f'data-lay-under="/v1/ecgs/{first}/waveform' in text and stranger not in text
    [entry, *_] = client.get("/v1/access-log").json()["items"]
    assert entry["operation"] == "show_ecg" and set(entry["ecg_ids"]) == {first, second}


def test_an_ecg_without_waveform_and_one_that_is_not_there(
    client: httpx.Client, database: Database, settings: Settings
) -> None:
    with Loader(database, settings) as loader:
        loader.load([Line("r-1", Facts(), "machine", "", "Sinus rhythm", None, None, False)])
    [ecg] = client.get("/v1/ecgs").json()["items"]
    text = page(client, f"/ecgs/{ecg['id']}")
    assert "No waveform here" in text and "data-ecg-paper" not in text and "Ask the model" not in text
    assert "There is no such" in page(client, f"/ecgs/{uuid.uuid4()}", 404)
    assert page(client, "/ecgs/nothing", 422)


def test_a_viewer_sees_the_ecg_and_asks_no_model(client: httpx.Client, keys: dict[str, str]) -> None:
    ecg_id = upload(client, machine="Sinus rhythm")
    client.headers["Authorization"] = f"Bearer {keys['viewer']}"
    assert "data-ask=" not in page(client, f"/ecgs/{ecg_id}")
    page(client, f"/ecgs/{ecg_id}/predictions", 403)
    client.headers["Authorization"] = f"Bearer {keys['reader']}"
    assert "data-ask=" in page(client, f"/ecgs/{ecg_id}")
    assert "You have asked no model" in page(client, f"/ecgs/{ecg_id}/predictions")


def test_every_version_is_kept_in_sight(client: httpx.Client) -> None:
    ecg_id = upload(client, overread="Atrial flutter")
    changed = {"source": "overread", "text": "Atrial fibrillation", "blinded": "yes", "validated": "no"}
    assert client.post(f"/v1/ecgs/{ecg_id}/reports", json=changed).status_code == 201
    text = page(client, f"/ecgs/{ecg_id}")
    assert "Earlier versions (1)" in text and "not validated" in text and "blinded" in text
    assert text.index("Atrial fibrillation") < text.index("Earlier versions") < text.rindex("Atrial flutter")
