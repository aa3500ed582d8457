"""The product as deployed: `migrate`, `serve` and three workers on a PostgreSQL server and Redis, the whole way once."""

import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb
from tests.conftest import drop

POSTGRES = os.environ.get("OVERREAD_TEST_SERVER_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
REDIS = ("127.0.0.1", 6379)
KEY = "k" * 40
WITHIN_S = 120


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Settings of a database of our own on the server, and a Redis database nobody uses."""
    name = f"overread_{uuid.uuid4().hex[:12]}"
    try:
        socket.create_connection(REDIS, timeout=1).close()
        server = psycopg.connect(POSTGRES, autocommit=True, connect_timeout=2)
    except (OSError, psycopg.OperationalError):
        pytest.skip("no PostgreSQL server or no Redis on this machine")
    server.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
    yield {
        **os.environ,
        "OVERREAD_DATABASE_URL": f"{POSTGRES.rsplit('/', 1)[0]}/{name}",
        "OVERREAD_BROKER_URL": f"redis://{REDIS[0]}:{REDIS[1]}/9",
        "OVERREAD_DATA_DIR": str(tmp_path / "data"),
        "OVERREAD_ADMIN_KEY": KEY,
    }
    server.close()
    drop(POSTGRES, name)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "app.cli", *arguments]


def test_the_whole_way_on_postgresql_and_redis(deployment: dict[str, str]) -> None:
    refused = subprocess.run(
        command("serve", "--port", "0"), env=deployment, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 1 and "run `overread migrate`" in refused.stderr
    subprocess.run(command("migrate"), env=deployment, check=True, capture_output=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    wanted = [("serve", "--port", str(port)), *(("worker", "--queue", queue) for queue in ("cpu", "train", "infer"))]
    processes = [
        subprocess.Popen(command(*arguments), env=deployment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for arguments in wanted
    ]
    try:
        headers = {"Authorization": f"Bearer {KEY}"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60) as client:
            walk(client)
        for process in processes:
            process.terminate()
        assert [process.wait(30) for process in processes] == [0, 0, 0, 0]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def walk(client: httpx.Client) -> None:
    until_ready(client)
    for i, ecg in enumerate(simulate(24, seed=1)):
        files = [("file", item) for item in write_wfdb(ecg.recording, f"r{i}").items()]
        form = {"machine_report": ecg.machine_report, "overread_report": ecg.overread_report}
        answer = client.post("/v1/ecgs", files=files, data=form)
        assert answer.status_code == 201
    assert client.get("/v1/disagreement").json()["pairs"] == 24
    dataset = finished(client, client.post("/v1/datasets", json={"name": "d"}))
    overrides = {"epochs": 1, "batch_size": 8}
    body = {"dataset": dataset["dataset_id"], "preset": "tiny", "overrides": overrides}
    model = finished(client, client.post("/v1/training-jobs", json=body))["model_id"]
    client.post(
        f"/v1/models/{model}/promote", params={"force": True}
    ).raise_for_status()  # an epoch makes no steady model
    evaluation = {"model": model, "dataset": dataset["dataset_id"], "split": "train"}
    assert "overread" in finished(client, client.post("/v1/evaluations", json=evaluation))
    prediction = client.post("/v1/predictions", json={"ecg_id": answer.json()["id"]})
    assert prediction.status_code == 200, prediction.text
    labels = prediction.json()["labels"]
    assert len(labels) == 13 and {label["discrepancy"] for label in labels} <= {
        "agree",
        "likely_added",
        "likely_removed",
    }


def until_ready(client: httpx.Client) -> None:
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail("the service was never ready")


def finished(client: httpx.Client, accepted: httpx.Response) -> dict[str, Any]:
    assert accepted.status_code == 202, accepted.text
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        job = client.get(accepted.headers["location"]).json()
        if job["state"] == "succeeded":
            result: dict[str, Any] = job["result"]
            return result
        assert job["state"] in ("queued", "running"), job
        time.sleep(0.2)
    pytest.fail("the job never ended")
