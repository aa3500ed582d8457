"""The tour: upload, disagreement, dataset, training, comparison, promotion, prediction, by the API that users have."""

import json
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from app.demo import corpora
from app.demo.corpora import Case, Corpus
from app.demo.server import DemoFailed, service
from app.settings import Settings

SIMULATED_ECGS = 500
TRAINING = {"epochs": 14, "batch_size": 32, "learning_rate": 0.003, "patience": 6}
POLL_S = 0.3


def run(settings: Settings, ptbxl: Path | None, port: int, exit_after: bool) -> int:
    """Run every step, and return the exit status."""
    corpus = corpora.simulated_corpus(SIMULATED_ECGS + 1) if ptbxl is None else corpora.ptbxl_corpus(ptbxl)
    settings = settings.model_copy(update={"data_dir": settings.data_dir / corpus.folder})
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    try:
        with service(settings, port) as (process, client, key):
            _say(f"Overread runs on {client.base_url} (data in {settings.data_dir})")
            _tour(client, corpus)
            _say(f"\nAddress    {client.base_url}   (API: /docs)\nAdmin key  {key}")
            _say(f"Sign in    {_sign_in_link(client)}   (once, within 15 minutes)")
            if exit_after:
                return 0
            _say("Ctrl-C ends everything this command started.")
            while process.poll() is None:
                time.sleep(POLL_S)
            raise DemoFailed("the service ended by itself")
    except DemoFailed as error:
        print(f"overread demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _sign_in_link(client: httpx.Client) -> str:
    """Return the address that signs the admin in once."""
    name = _ok(client.get("/v1/me"))["name"]
    admin = next(user for user in _ok(client.get("/v1/users"))["items"] if user["name"] == name)
    address: str = _ok(client.post(f"/v1/users/{admin['id']}/sign-in-link"))["address"]
    return address


def _end(number: int, _: object) -> None:
    """End the demo at any step; the service that it started ends with it."""
    sys.exit(128 + number)


def _tour(client: httpx.Client, corpus: Corpus) -> None:
    cases, new = _all_but_one(corpus.cases)
    _say(f"\n1. Upload: {corpus.title}")
    _upload(client, cases)
    _say(f"\n2. Disagreement: what {corpus.overread} add to and remove from {corpus.machine}")
    _disagreement(client, corpus)
    _say("\n3. Freeze a dataset")
    asked = {"name": "demo", "seed": 1, "simulated": corpus.simulated}
    dataset = _job(client, client.post("/v1/datasets", json=asked))
    _say(
        f"   {dataset['windows']} windows of {dataset['ecgs']} ECGs, {dataset['patients']} patients,"
        f" sha256 {dataset['content_sha256'][:16]}…"
    )
    _say("\n4. Train: supervised, tiny preset, on the over-reads")
    training = {"dataset": dataset["dataset_id"], "preset": "tiny", "overrides": TRAINING}
    trained = _job(client, client.post("/v1/training-jobs", json=training))
    for reading, metrics in trained["metrics"].items():
        auroc, auprc = metrics.get("macro_auroc"), metrics.get("macro_auprc")
        if auroc is not None:
            _say(f"   test split against the {reading}: macro AUROC {auroc:.3f}, macro AUPRC {auprc:.3f}")
    answering = _answering(client)
    _say(f"\n5. Compare it with the model that answers now, {answering['name']}")
    compared = _compare(
        client, model_id=trained["model_id"], other=answering, dataset=dataset["dataset_id"], corpus=corpus
    )
    _say("\n6. Promote the better one")
    _promote(client, trained["model_id"], answering, compared)
    _say("\n7. Predict a new ECG")
    _predict(client, new)


def _answering(client: httpx.Client) -> dict[str, Any]:
    """Return the model that answers predictions: the promoted one, else the one that came with the release."""
    models = _ok(client.get("/v1/models", params={"limit": 500}))["items"]
    shipped = [model for model in models if model["origin"] == "shipped"]
    return next((model for model in models if model["promoted"]), shipped[0])


def _compare(
    client: httpx.Client, *, model_id: str, other: dict[str, Any], dataset: str, corpus: Corpus
) -> dict[str, Any]:
    """Measure two models on the same test split, and return their macro AUPRC against the over-read."""
    asked = {"model": model_id, "compare_with": other["id"], "dataset": dataset, "split": "test"}
    measured = _job(client, client.post("/v1/evaluations", json=asked))
    macro: dict[str, Any] = measured["comparison"]["overread"]["macro"]
    _say(f"   both on the same {measured['windows']} windows of the test split, against the over-read")
    _say(f"   {measured['seen_patients']['note']}")
    for metric in ("auroc", "auprc"):
        values = macro[metric]
        if values["difference"] is not None:
            interval = values["difference_ci"]
            between = f" (95 % interval {interval[0]:+.3f} to {interval[1]:+.3f})" if interval else ""
            _say(
                f"   macro {metric.upper()}: the new model {values['value']:.3f}, {other['name']}"
                f" {values['other']:.3f}, difference {values['difference']:+.3f}{between}"
            )
    if corpus.starter_knows and other["origin"] == "shipped":
        _say(
            f"   {other['name']} was trained on PTB-XL: if it has seen some of these patients, its values are too high"
        )
    compared: dict[str, Any] = macro["auprc"]
    return compared


def _promote(client: httpx.Client, model_id: str, other: dict[str, Any], compared: dict[str, Any]) -> None:
    difference = compared["difference"]
    if difference is None:
        _say(f"   the test split is too small to compare them: {other['name']} keeps answering predictions")
    elif difference > 0:
        promoted = _ok(
            client.post(f"/v1/models/{model_id}/promote", params={"force": True})
        )  # so little may not be steady
        _say(f"   the new model has the higher macro AUPRC: {promoted['name']} answers predictions now")
    else:
        _say(f"   {other['name']} has the higher macro AUPRC: it keeps answering predictions")


def _all_but_one(cases: Iterator[Case]) -> tuple[Iterator[Case], Case]:
    """Return the cases to upload, and the one for the prediction, which is the first."""
    first = next(cases, None)
    if first is None:
        raise DemoFailed("no ECG was found")
    return cases, first


def _upload(client: httpx.Client, cases: Iterator[Case]) -> None:
    began = time.monotonic()
    new = known = refused = by_rules = 0
    for case in cases:
        files = [("file", (name, content)) for name, content in case.files.items()]
        response = client.post("/v1/ecgs", data=corpora.form(case), files=files)
        if response.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
            refused += 1
            continue
        ecg = _ok(response)
        new, known = (
            new + (response.status_code == httpx.codes.CREATED),
            known + (response.status_code == httpx.codes.OK),
        )
        if case.overread_codes:
            overread = {"source": "overread", "codes": case.overread_codes}
            _ok(client.post(f"/v1/ecgs/{ecg['id']}/reports", json=overread))
        if case.rule_reading:
            by_rules += client.post(f"/v1/ecgs/{ecg['id']}/rule-reading").is_success
    seconds = time.monotonic() - began
    total = new + known + refused
    _say(
        f"   {new} new, {known} known already, {refused} refused as unusable;"
        f" {1000 * seconds / max(1, total):.0f} ms an ECG"
    )
    if by_rules:
        _say(f"   {by_rules} of these have no machine's reading: our rules read them, marked as ours")


def _disagreement(client: httpx.Client, corpus: Corpus) -> None:
    table = _ok(client.get("/v1/disagreement", params={"simulated": corpus.simulated}))
    _say(f"   {table['pairs']} pairs\n")
    _say(f"   {'label':<30}{'machine':>8}{'overread':>9}{'added':>7}{'removed':>8}{'+%':>8}{'-%':>8}{'kappa':>8}")
    for row in table["labels"]:
        rates = [row["added_pct"], row["removed_pct"], row["kappa"]]
        shown = "".join(f"{'–' if value is None else format(value, '.2f'):>8}" for value in rates)
        _say(f"   {row['name']:<30}{row['machine']:>8}{row['overread']:>9}{row['added']:>7}{row['removed']:>8}{shown}")


def _job(client: httpx.Client, response: httpx.Response) -> dict[str, Any]:
    """Wait until a job has ended, print its messages, and return its result."""
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
    _say("   POST /v1/predictions, machine report: " + "; ".join((case.machine_report or "none").splitlines()))
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
