"""Times and peak memory of upload and prediction over HTTP, and equality with the `wfdb` library, on PTB-XL records.

    python -m benchmarks.upload_and_predict --url http://127.0.0.1:8000 --key ovr_… --ptbxl FOLDER --count 100

The service must have a model for the predictions (it has the starter model). With `--bundle` this bundle is registered
and promoted first, and the time that it takes in this process is measured in turn with the service. At the end
`--clients` ask at once.
"""

import argparse
import io
import os
import platform
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import wfdb

from ml.formats import LEADS
from ml.inference.predictor import Predictor

ASKED_AT_ONCE = 200


def main() -> None:
    """Upload records, read them back, compare, predict; print medians and peaks."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--ptbxl", type=Path, required=True)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--clients", type=int, default=8)
    arguments = parser.parse_args()
    found = sorted((arguments.ptbxl / "records500").rglob("*.hea"))
    headers, further = found[: arguments.count], found[arguments.count : 2 * arguments.count]
    uploads, predictions, own, equal = [], [], [], 0
    predictor = Predictor(arguments.bundle, "cpu") if arguments.bundle is not None else None
    with httpx.Client(
        base_url=arguments.url, headers={"Authorization": f"Bearer {arguments.key}"}, timeout=120
    ) as client:
        if predictor is not None:
            promote(client, arguments.bundle)
        for header in headers:
            began = time.perf_counter()
            answer = client.post("/v1/ecgs", files=files_of(header), data={"machine_report": "Sinus rhythm"})
            uploads.append(time.perf_counter() - began)
            ecg_id = answer.raise_for_status().json()["id"]
            raw = client.get(f"/v1/ecgs/{ecg_id}/waveform", params={"stage": "raw", "format": "npy"})
            expected = wfdb.rdrecord(str(header.with_suffix("")))
            names = [name.lower() for name in expected.sig_name]
            order = [names.index(lead.lower()) for lead in LEADS]
            equal += np.array_equal(np.load(io.BytesIO(raw.content)), expected.p_signal[:, order].T)
            began = time.perf_counter()
            client.post("/v1/predictions", json={"ecg_id": ecg_id}).raise_for_status()
            predictions.append(time.perf_counter() - began)
            if predictor is not None:
                began = time.perf_counter()
                predictor.predict(expected.p_signal[:, order].T, float(expected.fs))
                own.append(time.perf_counter() - began)
        service = processes(client.base_url.port or 80)
        before = used(service)
        at_once = [upload_and_ask(client, header) for header in further]
        whole = used(service)
        crowd_hz = rate_of(client, ecg_id, arguments.clients)
        crowded = used(service)
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {platform.python_version()}")
    print(f"{equal} of {len(headers)} records read back equal to wfdb sample for sample")
    for name, times in (("upload", uploads), ("prediction", predictions), ("the model itself", own)):
        if not times:
            continue
        milliseconds = 1000 * np.array(times)
        print(
            f"{name}: median {np.median(milliseconds):.1f} ms, 95th percentile {np.percentile(milliseconds, 95):.1f} ms"
        )
    if own:
        beyond = 1000 * (np.array(uploads) + np.array(predictions) - np.array(own))
        print(f"upload and prediction beyond the model itself: median {np.median(beyond):.1f} ms")
    print(f"{arguments.clients} clients: {crowd_hz:.1f} predictions a second; one: {1 / np.median(predictions):.1f}")
    print(f"upload and prediction in one request: median {1000 * np.median(at_once):.1f} ms")
    for name, process in service.items():
        alone_ms = 1000 * (whole[name] - before[name]) / len(further)
        each_ms = 1000 * (crowded[name] - whole[name]) / ASKED_AT_ONCE
        print(
            f"{name}: processor time of an upload with its prediction {alone_ms:.1f} ms, of a prediction"
            f" {each_ms:.1f} ms; {peak_mib(process):.0f} MiB at most"
        )


def files_of(header: Path) -> list[tuple[str, tuple[str, bytes]]]:
    """Return a record's files as a form has them."""
    return [("file", (path.name, path.read_bytes())) for path in (header, header.with_suffix(".dat"))]


def upload_and_ask(client: httpx.Client, header: Path) -> float:
    """Return how many seconds an upload with its prediction takes, in one request."""
    began = time.perf_counter()
    answer = client.post("/v1/predictions", files=files_of(header), data={"machine_report": "Sinus rhythm"})
    answer.raise_for_status()
    return time.perf_counter() - began


def used(service: dict[str, Path]) -> dict[str, float]:
    """Return the processor's time that each process has used."""
    return {name: used_s(process) for name, process in service.items()}


def promote(client: httpx.Client, bundle: Path) -> None:
    """Register a bundle and let it answer."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.add(bundle, arcname=".")
    model = client.post("/v1/models", files={"bundle": ("model.tar", stream.getvalue())}).raise_for_status().json()
    client.post(f"/v1/models/{model['id']}/promote", params={"force": "true"}).raise_for_status()


def rate_of(client: httpx.Client, ecg_id: str, clients: int) -> float:
    """Return how many predictions a second so many clients get, each asking again once it is answered."""

    def ask(_: int) -> None:
        client.post("/v1/predictions", json={"ecg_id": ecg_id}).raise_for_status()

    with ThreadPoolExecutor(clients) as pool:
        began = time.perf_counter()
        list(pool.map(ask, range(ASKED_AT_ONCE)))
        return ASKED_AT_ONCE / (time.perf_counter() - began)


def processes(port: int) -> dict[str, Path]:
    """Return the folders in /proc of the service that listens on a port of this machine, by what they do (Linux)."""
    wanted = {
        f" serve --port {port}": "API",
        "--queue infer": "inference worker",
        "-m ml serve": "inference child",
    }
    parents: dict[int, int] = {}
    named: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_text().replace("\0", " ")
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        for words, name in wanted.items():
            if words in command:
                named[int(folder.name)] = name
    api = next((pid for pid, name in named.items() if name == "API"), 0)

    def belongs(pid: int) -> bool:
        return pid == api or (pid in parents and belongs(parents[pid]))

    return {name: Path(f"/proc/{pid}") for pid, name in sorted(named.items()) if api and belongs(pid)}


def peak_mib(process: Path) -> float:
    """Return the most memory that a process has had."""
    return int((process / "status").read_text().split("VmHWM:")[1].split()[0]) / 1024


def used_s(process: Path) -> float:
    """Return the processor's time that a process has used."""
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
