"""Seconds until `overread serve` answers each kind of request again, after it or its PostgreSQL was ended.

    python -m benchmarks.restart

Starts `overread serve` with a private PostgreSQL and its own workers, in a temporary folder, with simulated ECGs. At
the moment of each fault a job runs and a question waits.
"""

import json
import os
import platform
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx

from app.kit.children import python_module, safe_environment
from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb

ECGS = 400  # of a job that is interrupted
FEW = 20  # of one that is not
PAUSE_S = 0.05
GIVE_UP_S = 120.0


def main() -> None:
    """Measure each fault once and print a row of seconds for it."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {platform.python_version()}")
    print(f"{'after':32}" + "".join(f"{name:>18}" for name in KINDS))
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder))
        with service.running():
            service.until(service.ready)
            service.fill()
            _show("the first start, nothing lost", service.recovery())
            for name, fault in FAULTS.items():
                service.begin_work()
                fault(service)
                _show(name, service.recovery())


class Service:
    """`overread serve` on a port of its own, and what is asked of it."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self._folder = folder
        self._key = secrets.token_urlsafe(32)
        self._records = simulate(1_000_000, seed=5)
        self._process: subprocess.Popen[bytes] | None = None
        self._ecg_id = ""
        self._lost: list[str] = []
        address = f"http://127.0.0.1:{self._port}"
        headers = {"Authorization": f"Bearer {self._key}"}
        self._client = httpx.Client(base_url=address, headers=headers, timeout=10)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the service while the block does."""
        self.start()
        try:
            yield
        finally:
            self.end(signal.SIGTERM)

    def start(self) -> None:
        """Start the service."""
        own = {"DATA_DIR": str(self._folder), "ADMIN_KEY": self._key, "DATABASE_URL": "", "BROKER_URL": ""}
        with (self._folder / "serve.log").open("ab") as log:
            self._process = subprocess.Popen(
                python_module("app.cli", "serve", "--port", str(self._port)),
                cwd=self._folder,
                env={**safe_environment(), **{f"OVERREAD_{name}": value for name, value in own.items()}},
                stdout=log,
                stderr=log,
            )

    def end(self, number: signal.Signals) -> None:
        """End the service with a signal, and wait for it."""
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait()

    def restart(self, number: signal.Signals) -> None:
        """End the service with a signal and start it again."""
        self.end(number)
        self.start()

    def kill_database(self) -> None:
        """Kill the PostgreSQL server; the service starts another."""
        pid_file = self._folder / "postgres" / "cluster" / "postmaster.pid"
        os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGKILL)

    def fill(self) -> None:
        """Upload the ECGs that jobs work on."""
        for number in range(ECGS):
            self._ecg_id = self._uploaded("few" if number < FEW else "many")["id"]

    def begin_work(self) -> None:
        """Start a job and wait until a worker has it; put a question and do not wait for its answer."""
        job = self._client.post("/v1/datasets", json={"name": secrets.token_hex(4)}).raise_for_status()
        self.until(lambda: self._client.get(job.headers["location"]).json()["state"] != "queued")
        prefer = {"Prefer": "respond-async"}
        asked = self._client.post("/v1/predictions", json={"ecg_id": self._ecg_id}, headers=prefer).raise_for_status()
        self._lost = [job.headers["location"], asked.headers["location"]]

    def recovery(self) -> list[float]:
        """Return the seconds until each kind of request is answered, all asked from now on."""
        began = time.perf_counter()

        def seconds(ask: Callable[["Service"], bool]) -> float:
            self.until(lambda: ask(self))
            return time.perf_counter() - began

        with ThreadPoolExecutor(len(KINDS)) as threads:
            return list(threads.map(seconds, KINDS.values()))

    def until(self, answered: Callable[[], bool]) -> None:
        """Ask again and again until the answer is right."""
        deadline = time.perf_counter() + GIVE_UP_S
        while time.perf_counter() < deadline:
            try:
                if answered():
                    return
            except (httpx.TransportError, httpx.HTTPStatusError):
                pass
            time.sleep(PAUSE_S)
        raise TimeoutError(f"no answer within {GIVE_UP_S:.0f} s; see {self._folder / 'serve.log'}")

    def ready(self) -> bool:
        """Ask whether the service is ready."""
        return self._client.get("/readyz").is_success

    def upload(self) -> bool:
        """Upload an ECG."""
        return bool(self._uploaded("another")["id"])

    def predict(self) -> bool:
        """Ask a model and wait for its answer."""
        return self._client.post("/v1/predictions", json={"ecg_id": self._ecg_id}).is_success

    def job(self) -> bool:
        """Run a job to its end."""
        given = {"name": secrets.token_hex(4), "site": "few"}
        job = self._client.post("/v1/datasets", json=given).raise_for_status()
        self.until(lambda: self._ended(job.headers["location"]))
        return True

    def interrupted(self) -> bool:
        """Ask whether the job and the question of the moment of the fault have ended well."""
        return all(self._ended(address) for address in self._lost)

    def _ended(self, address: str) -> bool:
        state = self._client.get(address).raise_for_status().json()["state"]
        if state in ("failed", "cancelled"):
            raise RuntimeError(f"{address} is {state}")
        return state in ("succeeded", "answered")

    def _uploaded(self, site: str) -> dict[str, str]:
        data = {
            "metadata": json.dumps({"site": site}),
            "machine_report": "Sinus rhythm",
            "overread_report": "Sinus rhythm\nLVH",
        }
        files = [("file", item) for item in write_wfdb(next(self._records).recording, "r").items()]
        known: dict[str, str] = self._client.post("/v1/ecgs", files=files, data=data).raise_for_status().json()
        return known


KINDS: dict[str, Callable[[Service], bool]] = {
    "ready": Service.ready,
    "upload": Service.upload,
    "prediction": Service.predict,
    "new job ended": Service.job,
    "interrupted ended": Service.interrupted,
}
FAULTS: dict[str, Callable[[Service], None]] = {
    "SIGKILL of serve": lambda service: service.restart(signal.SIGKILL),
    "SIGTERM of serve": lambda service: service.restart(signal.SIGTERM),
    "SIGKILL of PostgreSQL": Service.kill_database,
}


def _show(name: str, seconds: list[float]) -> None:
    print(f"{name:32}" + "".join(f"{each:18.1f}" for each in seconds), flush=True)


if __name__ == "__main__":
    main()
