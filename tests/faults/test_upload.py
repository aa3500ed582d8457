"""An upload that got its 201 is never lost, and a part of one is never kept."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np
import pytest

from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb

pytestmark = pytest.mark.faults
KEY = "k" * 40


def start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "OVERREAD_DATA_DIR": str(folder), "OVERREAD_ADMIN_KEY": KEY}
    for name in ("OVERREAD_DATABASE_URL", "OVERREAD_BROKER_URL"):
        environment.pop(name, None)
    return subprocess.Popen(
        [sys.executable, "-m", "app.cli", "serve", "--port", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def until_ready(client: httpx.Client) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    pytest.fail("the service was never ready")


def test_serve_killed_while_uploading_keeps_every_answered_ecg(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    answered: dict[str, np.ndarray] = {}
    process = start(tmp_path / "data", port)
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {KEY}"}, timeout=30
        ) as client:
            until_ready(client)
            for i, ecg in enumerate(simulate(20, seed=8)):
                files = [("file", item) for item in write_wfdb(ecg.recording, f"r{i}").items()]
                if i == 12:
                    process.send_signal(signal.SIGKILL)  # between two uploads, or within one: no matter
                try:
                    answer = client.post("/v1/ecgs", files=files, data={"machine_report": ecg.machine_report})
                except httpx.TransportError:
                    break
                answered[answer.json()["id"]] = ecg.recording.millivolts()
            process.wait()
            process = start(tmp_path / "data", port)
            until_ready(client)
            stored = {ecg["id"] for ecg in client.get("/v1/ecgs", params={"limit": 100}).json()["items"]}
            assert len(answered) >= 12 and set(answered) <= stored
            for ecg_id in stored:
                waveform = client.get(f"/v1/ecgs/{ecg_id}/waveform").json()["samples"]
                if ecg_id in answered:
                    assert np.array_equal(np.array(waveform), answered[ecg_id])
                assert len(client.get(f"/v1/ecgs/{ecg_id}").json()["reports"]) == 1
    finally:
        process.terminate()
        process.wait(30)
