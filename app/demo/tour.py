"""The tour: upload, disagreement, dataset, training, promotion, prediction; every step a call a user could make."""

import itertools
import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from app.demo import corpora
from app.demo.corpora import Case
from app.demo.server import DemoFailed, service
from app.settings import Settings

SIMULATED_ECGS = 500
TRAINING = {"epochs": 14, "batch_size": 32, "learning_rate": 0.003, "patience": 6}
POLL_S = 0.3


def run(settings: Settings, ptbxl: Path | None, port: int, exit_after: bool) -> int:
    """Walk the whole way; the exit status."""
    if "data_dir" not in settings.model_fields_set:
        settings = settings.model_copy(update={"data_dir": settings.data_dir / "demo"})  # apart from real ECGs
    try:
        with service(settings, port) as (process, client, key):
            _say(f"Overread runs on {client.base_url} (data in {settings.data_dir})")
            _tour(client, ptbxl)
            _say(f"\nAddress    {client.base_url}   (API: /docs)\nAdmin key  {key}")
            if exit_after:
                return 0
            _say("Ctrl-C ends everything this command started.")
            return _wait_for_end(process)
    except DemoFailed as error:
        print(f"overread demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _wait_for_end(process: Any) -> int:
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    while not ended.wait(0.5):
        if process.poll() is not None:
            raise DemoFailed("the service ended by itself")
    return 0


def _tour(client: httpx.Client, ptbxl: Path | None) -> None:
    if ptbxl is None:
        cases: Iterator[Case] = corpora.simulated(SIMULATED_ECGS + 1)
        source = f"{SIMULATED_ECGS} SIMULATED ECGs (no patient was attached to them)"
    else:
        cases, source = corpora.ptbxl(ptbxl), "PTB-XL (Wagner et al. 2020, CC BY 4.0)"
    cases, new = _all_but_one(cases)
    _say(f"\n1. Upload: {source}")
    _upload(client, cases)
    _say("\n2. Disagreement: what the experts added to and removed from the machine's readings")
    _disagreement(client)
    _say("\n3. Freeze a dataset")
    result = _job(client, client.post("/v1/datasets", json={"name": "demo", "seed": 1}))
    _say(
        f"   {result['windows']} windows of {result['ecgs']} ECGs, {result['patients']} patients,"
        f" sha256 {result['content_sha256'][:16]}…"
    )
    _say("\n4. Train: supervised, tiny preset, on the over-reads")
    training = {"dataset": result["dataset_id"], "preset": "tiny", "overrides": TRAINING}
    trained = _job(client, client.post("/v1/training-jobs", json=training))
    for reading, figures in trained["metrics"].items():
        auroc, auprc = figures.get("macro_auroc"), figures.get("macro_auprc")
        if auroc is not None:
            _say(f"   test split against the {reading}: macro AUROC {auroc:.3f}, macro AUPRC {auprc:.3f}")
    _say("\n5. Promote it")
    promoted = _ok(client.post(f"/v1/models/{trained['model_id']}/promote"))
    _say(f"   {promoted['name']} answers predictions now")
    _say("\n6. Predict a new ECG")
    _predict(client, new)


def _all_but_one(cases: Iterator[Case]) -> tuple[Iterator[Case], Case]:
    """Keep the first ECG with a machine report back for the prediction."""
    seen: list[Case] = []
    for case in cases:
        if case.machine_report:
            return itertools.chain(seen, cases), case
        seen.append(case)
    raise DemoFailed("no ECG with a machine's report was found")


def _upload(client: httpx.Client, cases: Iterator[Case]) -> None:
    began = time.monotonic()
    new = known = refused = by_first_reader = 0
    for case in cases:
        files = [("file", (name, content)) for name, content in case.files.items()]
        response = client.post("/v1/ecgs", data=corpora.form(case), files=files)
        if response.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
            refused += 1
            continue
        ecg = _ok(response)
        by_first_reader += not case.text_by_machine
        new, known = (
            new + (response.status_code == httpx.codes.CREATED),
            known + (response.status_code == httpx.codes.OK),
        )
        if case.overread_codes:
            overread = {"source": "overread", "codes": case.overread_codes}
            _ok(client.post(f"/v1/ecgs/{ecg['id']}/reports", json=overread))
    seconds = time.monotonic() - began
    total = new + known + refused
    _say(
        f"   {new} new, {known} known already, {refused} refused as unusable;"
        f" {1000 * seconds / max(1, total):.0f} ms an ECG"
    )
    if by_first_reader:
        _say(
            f"   {by_first_reader} of these have no machine text in PTB-XL: the first reader's stands in its place,\n"
            "   so the table below is the first reader against the validated codes, not a machine against an expert"
        )


def _disagreement(client: httpx.Client) -> None:
    table = _ok(client.get("/v1/disagreement"))
    _say(f"   {table['pairs']} pairs\n")
    _say(f"   {'label':<30}{'machine':>8}{'overread':>9}{'added':>7}{'removed':>8}{'+%':>8}{'-%':>8}{'kappa':>8}")
    for row in table["labels"]:
        figures = [row["added_pct"], row["removed_pct"], row["kappa"]]
        shown = "".join(f"{'–' if value is None else format(value, '.2f'):>8}" for value in figures)
        _say(f"   {row['name']:<30}{row['machine']:>8}{row['overread']:>9}{row['added']:>7}{row['removed']:>8}{shown}")


def _job(client: httpx.Client, response: httpx.Response) -> dict[str, Any]:
    """Follow a job to its end, printing what it says."""
    _ok(response)
    url, said = response.headers["Location"], ""
    while True:
        job = _ok(client.get(url))
        if job["message"] != said and job["message"]:
            said = job["message"]
            _say(f"   {100 * job['progress']:3.0f} %  {said}")
        if job["state"] == "succeeded":
            result: dict[str, Any] = job["result"]
            return result
        if job["state"] in ("failed", "cancelled"):
            raise DemoFailed(f"the {job['kind']} job {job['state']}: {job['error']}")
        time.sleep(POLL_S)


def _predict(client: httpx.Client, case: Case) -> None:
    files = [("file", (name, content)) for name, content in case.files.items()]
    fields = {**corpora.form(case)}
    fields.pop("overread_report", None)
    answer = _ok(client.post("/v1/predictions", data=fields, files=files))
    _say("   POST /v1/predictions, machine report: " + "; ".join((case.machine_report or "").splitlines()))
    answer["labels"] = [_short(label) for label in answer["labels"]]
    text = json.dumps(answer, indent=2)
    _say("\n".join("   " + line for line in text.splitlines()))


def _short(label: dict[str, Any]) -> dict[str, Any]:
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in label.items()}


def _ok(response: httpx.Response) -> dict[str, Any]:
    if response.is_success:
        body: dict[str, Any] = response.json()
        return body
    raise DemoFailed(f"{response.request.method} {response.request.url.path}: {response.status_code} {response.text}")


def _say(text: str) -> None:
    print(text, flush=True)
