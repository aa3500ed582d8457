"""A third language and a 14th label come with a file alone, through upload, activation, tables and datasets."""

import csv
import io
import uuid
from typing import Any

import httpx
import pytest

from app.ecgs.service import Archive
from app.jobs.run import Workplace
from app.jobs.runner import Runner
from app.kit.database import Database
from app.settings import Settings
from app.steps import KINDS
from ml.corpus.simulator import simulate
from ml.corpus.store import Store
from ml.formats.wfdb import write_wfdb
from ml.labeling import builtin, builtin_text

CHANGES = [
    (f"version: {builtin().version}", "version: norte-1"),
    ("languages: [en, de]", "languages: [en, de, es]"),
    (
        "  - {key: posterior_mi, name: Posterior MI}\n",
        "  - {key: posterior_mi, name: Posterior MI}\n  - {key: brugada, name: Brugada Pattern}\n",
    ),
    (
        "rules:\n",
        """rules:
  - {labels: [sinus_rhythm], terms: {es: [ritmo sinusal, taquicardia|bradicardia sinusal]}}
  - {labels: [afib], terms: {es: [fibrilación auricular, fa]}}
  - {labels: [lvh], terms: {es: [hipertrofia ventricular izquierda, hvi]}}
  - {labels: [brugada], terms: {en: [brugada (pattern)], es: [(patrón) (de) brugada]}}
""",
    ),
    (
        "cues:\n",
        """cues:
  - {kind: hedge, terms: {es: [posible|probable, no se puede descartar]}}
  - {kind: negation, terms: {es: [sin, no hay]}}
""",
    ),
    ("\nsynonyms:\n", "\nsynonyms:\n  - {name: anything else, terms: {es: [resto normal]}}\n"),
]
PAIRS = [
    ("Ritmo sinusal", "Ritmo sinusal\nPosible patrón de Brugada"),
    ("Fibrilación auricular", "Fibrilación auricular\nSin hipertrofia ventricular izquierda"),
    ("Ritmo sinusal\nHVI", "Taquicardia sinusal. Brugada"),
    ("Sinus rhythm", "FA\nNo se puede descartar hipertrofia ventricular izquierda"),
    ("Ritmo sinusal", "Ritmo sinusal"),
    ("Bradicardia sinusal", "Bradicardia sinusal\nResto normal"),
]


@pytest.fixture
def runner(settings: Settings, database: Database) -> Runner:
    """A worker in this process."""
    archive = Archive.of(settings)
    return Runner(Workplace(settings.model_copy(update={"labeling_processes": 1}), database, archive), KINDS)


def done(client: httpx.Client, runner: Runner, answer: httpx.Response) -> dict[str, Any]:
    """Let the worker do a job that was accepted, and give its result."""
    assert answer.status_code == 202, answer.text
    runner.run(uuid.UUID(answer.json()["id"]))
    job = client.get(answer.headers["location"]).json()
    assert job["state"] == "succeeded", job
    return dict(job["result"])


def table(client: httpx.Client) -> dict[str, tuple[int, int, int, int]]:
    """Give machine, over-read, added and removed by label."""
    rows = client.get("/v1/disagreement").json()["labels"]
    return {row["label"]: (row["machine"], row["overread"], row["added"], row["removed"]) for row in rows}


def test_a_third_language_and_a_14th_label_need_no_code(
    client: httpx.Client, runner: Runner, settings: Settings
) -> None:
    yaml = builtin_text()
    for old, new in CHANGES:
        assert old in yaml
        yaml = yaml.replace(old, new, 1)
    for (machine, overread), ecg in zip(PAIRS, simulate(len(PAIRS), seed=6), strict=True):
        files = [("file", item) for item in write_wfdb(ecg.recording, "r").items()]
        said = {"machine_report": machine, "overread_report": overread}
        assert client.post("/v1/ecgs", files=files, data=said).status_code == 201
    before = table(client)
    assert len(before) == 13 and before["afib"] == (0, 0, 0, 0)

    assert client.post("/v1/vocabularies", json={"yaml": yaml}).status_code == 201
    assert done(client, runner, client.post("/v1/vocabularies/norte-1/activate"))["pairs"] == len(PAIRS)
    after = table(client)
    assert list(after) == [*before, "brugada"]
    assert {label: after[label] for label in ("sinus_rhythm", "afib", "lvh", "brugada")} == {
        "sinus_rhythm": (5, 4, 0, 1), "afib": (1, 2, 1, 0), "lvh": (1, 1, 1, 1), "brugada": (0, 2, 2, 0),
    }  # fmt: skip
    shown = client.get("/v1/disagreement", headers={"accept": "text/csv"}).text
    assert [row["label"] for row in csv.DictReader(io.StringIO(shown))] == list(after)
    differing = client.get("/v1/disagreement/brugada/ecgs", params={"direction": "added"}).json()["items"]
    assert len(differing) == 2

    text = "No hay fibrilación auricular. Probable Brugada. Resto normal."
    extracted = client.post("/v1/labels/extract", json={"text": text}).json()
    assert [(f["label"], f["status"], f["cue"]) for f in extracted["findings"]] == [
        ("afib", "negated", "No hay"),
        ("brugada", "uncertain", "Probable"),
    ]
    assert extracted["statements"][-1]["normal"] == "anything else"

    frozen = done(client, runner, client.post("/v1/datasets", json={"name": "norte"}))
    assert client.get(f"/v1/datasets/{frozen['dataset_id']}").json()["vocabulary"] == "norte-1"
    assert [row["vocabulary"] for row in client.get("/v1/datasets").json()["items"]] == ["norte-1"]
    store = Store(settings.datasets_dir / frozen["dataset_id"])
    targets, counts = store.targets("overread", "positive")
    assert [key for key, _ in store.labels] == list(after) and targets.shape == (len(PAIRS), 14) and counts.all()
    assert targets[:, -1].sum() == 2
