"""Many clients at once: answers, times and peak memory of the API process.

    python benchmarks/crowd.py

Starts `overread serve` with a private PostgreSQL and without workers, in a temporary folder.
"""

import asyncio
import os
import platform
import secrets
import socket
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import httpx
import numpy as np

from app.kit.children import python_module, safe_environment
from ml.formats import Recording
from ml.formats.wfdb import write_wfdb

LONG = 2_600_000  # samples a lead: 2.9 hours, an upload of 60 MB


def long_record(seed: int) -> list[tuple[str, tuple[str, bytes]]]:
    """Return the files of an upload that is nearly as large as one may be."""
    samples = np.random.default_rng(seed).integers(-1000, 1000, (12, LONG)).astype(np.int32)
    return [("file", item) for item in write_wfdb(Recording(samples, np.full(12, 1000.0), 250.0), "r").items()]


async def at_once(name: str, ask: Callable[[int], Awaitable[httpx.Response]], count: int, pid: int) -> list[str]:
    """Ask `count` times at once, print what came out, and return the addresses of what was created."""
    answers: list[httpx.Response] = []
    times: list[float] = []
    began = time.perf_counter()

    async def one(number: int) -> None:
        answers.append(await ask(number))
        times.append(time.perf_counter() - began)

    await asyncio.gather(*(one(number) for number in range(count)))
    statuses = dict(Counter(answer.status_code for answer in answers))
    print(f"{name}: {statuses}, slowest {max(times):.1f} s, peak memory so far {peak_mib(pid):.0f} MiB", flush=True)
    return [answer.headers["location"] for answer in answers if answer.status_code == httpx.codes.CREATED]


async def get(client: httpx.AsyncClient, address: str, _: int) -> httpx.Response:
    """Return the answer to one GET."""
    return await client.get(address)


async def crowd(client: httpx.AsyncClient, pid: int) -> None:
    """Ask everything in turn."""
    await at_once("200 x GET /v1/me", partial(get, client, "/v1/me"), 200, pid)
    jobs = [(await client.post("/v1/datasets", json={"name": str(n)})).headers["location"] for n in range(10)]
    opened: list[httpx.Response] = []
    over = asyncio.Event()

    async def follow(number: int) -> None:
        async with client.stream("GET", f"{jobs[number % 10]}/events") as stream:
            opened.append(stream)
            await over.wait()

    streams = [asyncio.create_task(follow(number)) for number in range(300)]
    while len(opened) < len(streams):
        await asyncio.sleep(0.05)
    print(f"300 event streams: {dict(Counter(stream.status_code for stream in opened))}")
    await at_once("200 x GET /v1/me beside them", partial(get, client, "/v1/me"), 200, pid)
    over.set()
    await asyncio.gather(*streams)

    records = [long_record(seed) for seed in range(6)]
    stored = await at_once("6 x upload of 60 MB", lambda n: client.post("/v1/ecgs", files=records[n]), 6, pid)
    for query in ("stage=raw&format=npy", "stage=window&format=npy"):
        ask = partial(get, client, f"{stored[0]}/waveform?{query}")
        await at_once(f"6 x {query} of 2.9 h", ask, 6, pid)
    await at_once("200 x GET /v1/me afterwards", partial(get, client, "/v1/me"), 200, pid)


def peak_mib(pid: int) -> float:
    """Return the most memory that a process has had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main() -> None:
    """Start the service, ask, end it."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    key = secrets.token_urlsafe(32)
    with tempfile.TemporaryDirectory() as folder:
        own = {"DATA_DIR": folder, "ADMIN_KEY": key, "DATABASE_URL": "", "BROKER_URL": "redis://127.0.0.1:9"}
        process = subprocess.Popen(
            python_module("app.cli", "serve", "--port", str(port)),
            cwd=folder,
            env={**safe_environment(), **{f"OVERREAD_{name}": value for name, value in own.items()}},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            asyncio.run(_ask(f"http://127.0.0.1:{port}", key, process.pid))
        finally:
            process.terminate()
            process.wait()


async def _ask(url: str, key: str, pid: int) -> None:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, limits=limits, timeout=600) as client:
        for _ in range(600):
            try:
                if (await client.get("/readyz")).status_code == httpx.codes.OK:
                    break
            except httpx.TransportError:
                await asyncio.sleep(0.1)
        await crowd(client, pid)


if __name__ == "__main__":
    main()
