"""The service of the demo: `overread serve`, started as a user starts it, and ended with the demo."""

import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from app.kit.children import python_module, safe_environment
from app.settings import Settings

START_WITHIN_S = 120
STOP_WITHIN_S = 40


class DemoFailed(Exception):
    """The demo cannot continue; the message says why."""


@contextmanager
def service(settings: Settings, port: int) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client, str]]:
    """Run `overread serve` on a free port, and yield its process, a client with the admin's key, and the key.

    The service has a private PostgreSQL and its own workers: the demo writes nothing into a configured database.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    port = port if _is_free(port) else _any_free_port()
    key = settings.admin_key.get_secret_value() if settings.admin_key else "ovr_" + secrets.token_urlsafe(32)
    log_path = settings.data_dir / "serve.log"
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            python_module("app.cli", "serve", "--port", str(port)),
            cwd=settings.data_dir,
            env={**safe_environment(), **_own_settings(settings.data_dir, key)},
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C reaches the demo, which then ends the service itself
        )
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {key}"}, timeout=120
        ) as client:
            _wait_until_ready(process, client, log_path)
            yield process, client, key
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _own_settings(data_dir: Path, key: str) -> dict[str, str]:
    """Return the settings of the demo's service. An empty value counts as absent."""
    return {
        "OVERREAD_DATA_DIR": str(data_dir),
        "OVERREAD_ADMIN_KEY": key,
        "OVERREAD_DATABASE_URL": "",
        "OVERREAD_BROKER_URL": "",
        "OVERREAD_OBJECTS_URL": "",
    }


def _wait_until_ready(process: subprocess.Popen[bytes], client: httpx.Client, log_path: Path) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            last = log_path.read_text(errors="replace").strip().splitlines()[-3:]
            raise DemoFailed("the service did not start:\n" + "\n".join(last))
        try:
            if client.get("/readyz").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise DemoFailed(f"the service was not ready after {START_WITHIN_S} s; see {log_path}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _any_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
