"""What a frozen dataset holds: the chosen ECGs, what is said of them in normal form, and nothing else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from app.ecgs.patients import PatientHasher
from app.ecgs.service import Archive
from app.jobs.run import Workplace
from app.jobs.runner import Runner
from app.kit.database import Database
from app.kit.store import ObjectStore
from app.settings import Settings
from app.steps import KINDS
from ml.corpus.simulator import simulate
from ml.corpus.store import Source, Store
from ml.formats.wfdb import write_wfdb
from ml.labeling import builtin_text

READINGS = [
    {"machine_report": "AF\nLVH", "overread_report": "Atrial fibrillation\nNo LVH"},
    {"overread_report": "Vorhofflimmern"},
    {"machine_report": "Sinus rhythm"},
    {},
]


@pytest.fixture
def uploaded(client: httpx.Client) -> list[str]:
    ids = []
    for ecg, readings in zip(simulate(len(READINGS), seed=4), READINGS, strict=True):
        files = [("file", item) for item in write_wfdb(ecg.recording, "r").items()]
        answer = client.post("/v1/ecgs", files=files, data={"metadata": "{}", **readings})
        assert answer.status_code == 201
        ids.append(answer.json()["id"])
    return ids


Freeze = Callable[..., dict[str, Any]]


@pytest.fixture
def freeze(client: httpx.Client, settings: Settings, database: Database) -> Freeze:
    def freeze(**asked: Any) -> dict[str, Any]:
        url = client.post("/v1/datasets", json={"name": "d", **asked}).headers["location"]
        archive = Archive(ObjectStore(settings.data_dir / "objects"), PatientHasher(settings))
        Runner(Workplace(settings, database, archive), KINDS).run(url.rpartition("/")[2])  # type: ignore[arg-type]
        job: dict[str, Any] = client.get(url).json()
        return job

    return freeze


def store_of(settings: Settings, job: dict[str, Any]) -> Store:
    return Store(Path(settings.datasets_dir) / job["result"]["dataset_id"])


def test_overread_ecgs_with_their_statements_in_normal_form(
    uploaded: list[str], freeze: Freeze, settings: Settings
) -> None:
    store = store_of(settings, freeze())
    ids = store.column("ecg_id").tolist()
    assert set(ids) == set(uploaded[:2])
    texts = [statement.text for statement in store.statements]
    both, one = (np.array([ids.index(ecg_id)]) for ecg_id in uploaded[:2])

    def says(reading: Source, row: NDArray[np.int64]) -> list[str]:
        return [texts[number] for number in store.said(reading).of_rows(row)[1]]

    assert says("overread", both) == ["atrial fibrillation", "no lvh"]
    assert says("machine", both) == ["atrial fibrillation", "lvh"]
    assert says("overread", one) == ["atrial fibrillation"]
    assert store.said("machine").known[[*both, *one]].tolist() == [True, False]
    assert store.vocabulary == builtin_text()


def test_a_dataset_of_what_nobody_has_overread(uploaded: list[str], freeze: Freeze, settings: Settings) -> None:
    store = store_of(settings, freeze(overread="absent"))
    assert set(store.column("ecg_id")) == set(uploaded[2:])
    assert not store.targets("overread", "positive")[1].any()
    assert sorted(store.targets("machine", "positive")[1].any(axis=1).tolist()) == [False, True]


def test_a_choice_without_an_ecg_fails_and_says_so(uploaded: list[str], freeze: Freeze) -> None:
    job = freeze(site="nowhere", overread="absent")
    assert (job["state"], "lacks an over-read" in job["error"]) == ("failed", True)
