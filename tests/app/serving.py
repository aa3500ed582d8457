"""The application behind a real uvicorn, for tests of many clients at once."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn

from app.settings import Settings
from tests.app.application import application


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """Serve an application on a free port and return its address."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        application(settings),
        log_config=None,
        access_log=False,
        timeout_keep_alive=75,  # as `overread serve` has it
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        with httpx.Client(transport=httpx.HTTPTransport(retries=20)) as client:  # until it listens
            assert client.get(f"{address}/healthz", timeout=20).status_code == 200
        yield address
    finally:
        server.should_exit = True
        thread.join()
