"""Times and peak memory of upload and prediction over HTTP, and equality with the `wfdb` library, on PTB-XL records.

    python benchmarks/upload_and_predict.py --url http://127.0.0.1:8000 --key ovr_… --ptbxl FOLDER --count 100

The service must have a promoted model for the predictions (`overread demo` leaves one).
"""

import argparse
import io
import os
import platform
import time
from pathlib import Path

import httpx
import numpy as np
import wfdb

from ml.formats import LEADS


def main() -> None:
    """Upload records, read them back, compare, predict; print medians and peaks."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--ptbxl", type=Path, required=True)
    parser.add_argument("--count", type=int, default=100)
    arguments = parser.parse_args()
    headers = sorted((arguments.ptbxl / "records500").rglob("*.hea"))[: arguments.count]
    uploads, predictions, equal = [], [], 0
    with httpx.Client(
        base_url=arguments.url, headers={"Authorization": f"Bearer {arguments.key}"}, timeout=120
    ) as client:
        for header in headers:
            files = [("file", (p.name, p.read_bytes())) for p in (header, header.with_suffix(".dat"))]
            began = time.perf_counter()
            answer = client.post("/v1/ecgs", files=files, data={"machine_report": "Sinus rhythm"})
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
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{equal} of {len(headers)} records read back equal to wfdb sample for sample")
    for name, times in (("upload", uploads), ("prediction", predictions)):
        milliseconds = 1000 * np.array(times)
        print(
            f"{name}: median {np.median(milliseconds):.1f} ms, 95th percentile {np.percentile(milliseconds, 95):.1f} ms"
        )
    for name, peak in sorted(peaks().items()):
        print(f"peak memory of {name}: {peak:.0f} MiB")


def peaks() -> dict[str, float]:
    """Give the peak resident memory, in MiB, of the service's processes on this machine (Linux)."""
    wanted = {"app.cli serve": "API", "--queue infer": "inference worker", "-m ml serve": "inference child"}
    found = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            command = (status.parent / "cmdline").read_text().replace("\0", " ")
            peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        except (OSError, StopIteration):
            continue
        for words, name in wanted.items():
            if words in command:
                found[name] = int(peak.split()[1]) / 1024
    return found


if __name__ == "__main__":
    main()
