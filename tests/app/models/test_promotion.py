"""A model answers before it is promoted; nobody notices but by its answers."""

import io
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch

from app.kit.database import Database
from app.kit.folders import Folders
from app.models import promotion
from app.models.promotion import LEAST_IDENTICAL
from app.models.starter import ensure_starter
from app.settings import Settings
from ml.bundles.bundle import read_manifest, save
from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb
from ml.networks.beatnet import BEAT_PRESETS, BeatNet
from ml.starter import BUNDLE
from tests.app.inferring import inferring

CLIENTS = 2


@pytest.fixture
def another(client: httpx.Client, tmp_path: Path) -> Callable[..., str]:
    """Register a small model with the starter's labels and weights of its own; return its id."""

    def register(seed: int = 0, **changes: Any) -> str:
        folder = tmp_path / f"made{seed}"
        torch.manual_seed(seed)
        net = BeatNet(BEAT_PRESETS["starter_tiny"], len(read_manifest(BUNDLE).labels))
        given = {name: value for name, value in read_manifest(BUNDLE).to_dict().items() if name != "files"}
        save(folder, {**given, "preset": "starter_tiny", **changes}, net.state_dict())
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as archive:
            archive.add(folder, arcname=".")
        answer = client.post("/v1/models", files={"bundle": ("model.tar", stream.getvalue())})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    return register


@pytest.fixture
def ecg_id(client: httpx.Client, database: Database, settings: Settings) -> str:
    ensure_starter(database, Folders(settings.data_dir))
    files = [("file", item) for item in write_wfdb(next(iter(simulate(1, seed=4))).recording, "r").items()]
    return str(client.post("/v1/ecgs", files=files).json()["id"])


def stability(identical: float) -> dict[str, Any]:
    return {
        "ecgs": 40,
        "source": "made up",
        "identical": {"1 ms later": 0.999, "20 µV of noise": identical},
        "whole": {},
        "labels": {},
    }


def promoted(client: httpx.Client) -> list[str]:
    return [model["id"] for model in client.get("/v1/models").json()["items"] if model["promoted"]]


def audited(client: httpx.Client) -> list[dict[str, Any]]:
    return [each["after"] for each in client.get("/v1/audit").json()["items"] if each["action"] == "promote"]


def test_under_load_no_question_fails_and_the_old_model_answers_until_the_new_one_does(
    client: httpx.Client, settings: Settings, ecg_id: str, another: Callable[..., str]
) -> None:
    model_id = another()
    said: list[tuple[int, str]] = []
    over, asked = threading.Event(), {"ecg_id": ecg_id}

    def keep_asking() -> None:
        while not over.is_set():
            answer = client.post("/v1/predictions", json=asked)
            said.append((answer.status_code, answer.json().get("model", answer.json()).get("id", "")))

    with inferring(settings) as child:
        old = client.post("/v1/predictions", json=asked).json()["model"]["id"]
        first = child._process
        clients = [threading.Thread(target=keep_asking) for _ in range(CLIENTS)]
        for each in clients:
            each.start()
        before = len(said)
        answer = client.post(f"/v1/models/{model_id}/promote")
        during = len(said)
        after = [client.post("/v1/predictions", json=asked).json()["model"]["id"] for _ in range(3)]
        over.set()
        for each in clients:
            each.join()
        again = client.post("/v1/predictions", json={**asked, "model": old}).json()
    assert (answer.status_code, answer.json()["promoted"]) == (200, True), answer.text
    assert {status for status, _ in said} == {200}
    models = [model for _, model in said]
    assert set(models[before : during - CLIENTS]) == {old}, "the old model answered while the new one was tried"
    assert after == [model_id] * 3 and models[-1] == model_id
    assert again["model"]["id"] == old
    assert first is not None and first.poll() is not None, "the first process has been replaced"
    assert audited(client) == [{"promoted": model_id}]


def test_a_model_that_does_not_answer_leaves_the_old_one(
    client: httpx.Client, settings: Settings, ecg_id: str, another: Callable[..., str]
) -> None:
    good, broken = another(), another(1)
    weights = settings.models_dir / broken / "weights.safetensors"
    weights.chmod(0o644)
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with inferring(settings):
        assert client.post(f"/v1/models/{good}/promote").status_code == 200
        answer = client.post(f"/v1/models/{broken}/promote")
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/model_does_not_answer")
        assert "The one before stays" in answer.json()["detail"]
        assert promoted(client) == [good]
        assert client.post("/v1/predictions", json={"ecg_id": ecg_id}).json()["model"]["id"] == good
    assert audited(client) == [{"promoted": good}]


def test_without_an_inference_worker_nothing_is_promoted(
    client: httpx.Client, ecg_id: str, another: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model_id = another()
    monkeypatch.setattr(promotion, "ANSWER_WITHIN_S", 0.3)
    answer = client.post(f"/v1/models/{model_id}/promote")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/no_answer")
    assert promoted(client) == []


def test_a_model_whose_decisions_do_not_stand_still_is_promoted_by_force_alone(
    client: httpx.Client, settings: Settings, ecg_id: str, another: Callable[..., str]
) -> None:
    unknown = another(2, stability=None)
    refused = client.post(f"/v1/models/{unknown}/promote")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/unsteady_model")
    assert "overread models stability" in refused.json()["detail"]
    steady = another(stability=stability(LEAST_IDENTICAL))
    unsteady = another(1, stability=stability(LEAST_IDENTICAL - 0.001))
    refused = client.post(f"/v1/models/{unsteady}/promote")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/unsteady_model")
    assert "97.9 %" in refused.json()["detail"] and "20 µV of noise" in refused.json()["detail"]
    with inferring(settings):
        for model_id, force in ((steady, {}), (unsteady, {"force": "true"})):
            answer = client.post(f"/v1/models/{model_id}/promote", params=force)
            assert answer.status_code == 200, answer.text
    assert promoted(client) == [unsteady]
    assert audited(client) == [{"promoted": unsteady, "forced": True}, {"promoted": steady}]


@pytest.mark.slow
@pytest.mark.usefixtures("ecg_id")
def test_every_inference_worker_has_loaded_a_model_when_it_is_asked(
    client: httpx.Client, settings: Settings, another: Callable[..., str]
) -> None:
    model_id = another()
    starter = client.get("/v1/models").json()["items"][-1]["id"]

    def wait_until_loaded(wanted: str) -> None:
        for _ in range(1200):
            if all(wanted in {path.name for path in child.loaded} for child in workers):
                return
            time.sleep(0.1)
        raise AssertionError(f"not every worker has loaded {wanted}: {[child.loaded for child in workers]}")

    with inferring(settings) as first, inferring(settings) as second:
        workers = (first, second)
        wait_until_loaded(starter)  # nobody has asked anything
        assert client.post(f"/v1/models/{model_id}/promote").status_code == 200
        wait_until_loaded(model_id)
        assert all(starter in {path.name for path in child.loaded} for child in workers)
