"""Models are promoted while many ask: `overread serve` with its own worker and inference process.

    pytest -m slow -s tests/faults/test_promotion_under_load.py

prints a line a second and a line an event.
"""

import io
import socket
import sys
import tarfile
import threading
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
import torch

from ml.bundles.bundle import read_manifest, save
from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb
from ml.networks.beatnet import BEAT_PRESETS, BeatNet
from ml.starter import BUNDLE
from tests.faults.test_upload import KEY, start, until_ready

CLIENTS = 4
ROUNDS = 3
BETWEEN_S = 2.0


class Answer(NamedTuple):
    """What a question got, and when it was asked and answered."""

    asked_s: float
    at_s: float
    status: int
    model: str


class Crowd:
    """Clients that ask one question after another until the end."""

    def __init__(self, url: str, ecg_id: str) -> None:
        self.answers: list[Answer] = []
        self._url, self._ecg_id = url, ecg_id
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]

    def __enter__(self) -> "Crowd":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        with asking(self._url) as client:
            while not self._over.is_set():
                began = time.monotonic()
                answer = client.post("/v1/predictions", json={"ecg_id": self._ecg_id})
                model = answer.json()["model"]["id"] if answer.status_code == 200 else ""
                self.answers.append(Answer(began, time.monotonic(), answer.status_code, model))


class Promotion(NamedTuple):
    """When a model was to be promoted, when that was answered, and how."""

    model: str
    from_s: float
    to_s: float
    status: int


def asking(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {KEY}"}, timeout=180)


def random_bundle(folder: Path, seed: int) -> Path:
    """Write a model with the starter's labels and random weights."""
    torch.manual_seed(seed)
    manifest = read_manifest(BUNDLE)
    net = BeatNet(BEAT_PRESETS["starter_tiny"], len(manifest.labels))
    given = {name: value for name, value in manifest.to_dict().items() if name != "files"}
    save(folder, {**given, "preset": "starter_tiny"}, net.state_dict())
    return folder


def registered(client: httpx.Client, folder: Path) -> str:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.add(folder, arcname=".")
    answer = client.post("/v1/models", files={"bundle": ("model.tar", stream.getvalue())})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def show(answers: list[Answer], promotions: list[Promotion], names: dict[str, str], began_s: float) -> None:
    """Print each second's answers by model, and the promotions between them."""
    lines = [(each.from_s, f"promote {names[each.model]}: asked") for each in promotions]
    lines += [(each.to_s, f"promote {names[each.model]}: {each.status}") for each in promotions]
    counted = Counter((int(each.at_s - began_s), names.get(each.model, str(each.status))) for each in answers)
    lines += [(began_s + second + 1, f"{name}: {count} answers") for (second, name), count in counted.items()]
    for at_s, line in sorted(lines):
        sys.stdout.write(f"{at_s - began_s:6.1f} s  {line}\n")


@pytest.mark.slow
@pytest.mark.faults
def test_promotions_under_load_cost_no_answer_and_leave_no_gap(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    process = start(tmp_path / "data", port)
    try:
        with asking(url) as client:
            until_ready(client)
            files = [("file", item) for item in write_wfdb(next(iter(simulate(1, seed=4))).recording, "r").items()]
            ecg_id = client.post("/v1/ecgs", files=files).raise_for_status().json()["id"]
            [starter] = [model["id"] for model in client.get("/v1/models").json()["items"]]
            other = registered(client, random_bundle(tmp_path / "other", 1))
            broken = registered(client, random_bundle(tmp_path / "broken", 2))
            weights = tmp_path / "data" / "models" / broken / "weights.safetensors"
            weights.chmod(0o644)
            weights.write_bytes(weights.read_bytes()[:-1] + b"x")
            client.post(f"/v1/models/{starter}/promote").raise_for_status()
            client.post("/v1/predictions", json={"ecg_id": ecg_id}).raise_for_status()
            promotions: list[Promotion] = []
            began_s = time.monotonic()
            with Crowd(url, ecg_id) as crowd:
                for model in (other, broken, starter) * ROUNDS:
                    time.sleep(BETWEEN_S)
                    from_s = time.monotonic()
                    status = client.post(f"/v1/models/{model}/promote").status_code
                    promotions.append(Promotion(model, from_s, time.monotonic(), status))
                time.sleep(BETWEEN_S)
    finally:
        process.terminate()
        process.wait(30)

    answers = sorted(crowd.answers, key=lambda each: each.at_s)
    show(answers, promotions, {starter: "starter", other: "other", broken: "broken"}, began_s)
    longest_s = max(after.at_s - before.at_s for before, after in pairwise(answers))
    first_s = promotions[0].to_s - promotions[0].from_s
    waits = sorted(each.at_s - each.asked_s for each in answers)
    sys.stdout.write(
        f"{len(answers)} answers of {CLIENTS} clients, {sum(each.status != 200 for each in answers)} failed;"
        f" wait: median {1000 * waits[len(waits) // 2]:.0f} ms, longest {1000 * waits[-1]:.0f} ms;"
        f" longest time without any answer {1000 * longest_s:.0f} ms; loading a new model took {first_s:.1f} s\n"
    )
    assert {each.status for each in answers} == {200}
    assert [each.status for each in promotions] == [200, 409, 200] * ROUNDS
    assert longest_s < first_s, "nobody answered while a model was loaded"
    serving = starter
    for number, each in enumerate(promotions):
        until_s = promotions[number + 1].from_s if number + 1 < len(promotions) else answers[-1].at_s
        during = {a.model for a in answers if each.from_s < a.asked_s and a.at_s < each.to_s}
        serving = each.model if each.status == 200 else serving
        after = {a.model for a in answers if each.to_s < a.asked_s and a.at_s < until_s}
        assert after == {serving}
        assert broken not in during
        if number == 0:
            assert starter in during, "the old model answered while the new one was loaded"
