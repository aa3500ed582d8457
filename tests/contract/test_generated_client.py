"""A client that a generator makes of OpenAPI alone uploads a real ECG, freezes a dataset and trains with overrides."""

import importlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fastapi import FastAPI

from app.demo.corpora import Case, form, ptbxl
from app.demo.server import service
from app.settings import Settings

PACKAGE = "overread_client"
CONFIG = """
content_type_overrides:  # what this generator knows by other names
  "image/svg+xml": "text/plain"
  "application/x-tar": "application/octet-stream"
  "application/dicom": "application/octet-stream"
  "application/pdf": "application/octet-stream"
  "application/vnd.apache.parquet": "application/octet-stream"
post_hooks: []
"""
ECGS = 24
WITHIN_S = 120


@pytest.fixture(scope="module")
def api(described: FastAPI, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The generated package. A part of the description that the generator cannot use is an error."""
    folder = tmp_path_factory.mktemp("generated")
    (folder / "openapi.json").write_text(json.dumps(described.openapi()))
    (folder / "generator.yaml").write_text(CONFIG)
    arguments = ["--path", "openapi.json", "--config", "generator.yaml", "--output-path", PACKAGE, "--meta", "none"]
    made = subprocess.run(
        [sys.executable, "-m", "openapi_python_client", "generate", "--fail-on-warning", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield importlib.import_module(PACKAGE)


def part(name: str) -> Any:
    """A part of the generated package, as a user imports it."""
    return importlib.import_module(f"{PACKAGE}.{name}")


def test_overrides_send_what_was_set_and_nothing_else(api: ModuleType) -> None:
    overrides = part("models.overrides").Overrides
    assert overrides(epochs=1).to_dict() == {"epochs": 1}
    text = part("models.text_options").TextOptions
    assert overrides(text=text(layers=2)).to_dict() == {"text": {"layers": 2}}
    training = part("models.training_in").TrainingIn(dataset="d", overrides=overrides())
    assert training.to_dict()["overrides"] == {}


def test_the_generated_client_uploads_freezes_and_trains(api: ModuleType, shared: Path, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", _env_file=None)
    with (
        service(settings, 8000) as (_, http, key),
        api.AuthenticatedClient(base_url=str(http.base_url), token=key, timeout=120) as client,
    ):
        for case, _number in zip(ptbxl(shared / "ptbxl"), range(ECGS), strict=False):
            upload(client, case)
        frozen = part("models.dataset_in").DatasetIn(name="generated", seed=3)
        started = part("api.datasets.freeze_dataset").sync(client=client, body=frozen)
        dataset = finished(client, started).result.additional_properties
        assert dataset["ecgs"] == ECGS

        overrides = part("models.overrides").Overrides(epochs=1, batch_size=8)
        preset = part("models.training_in_preset").TrainingInPreset.TINY
        training = part("models.training_in").TrainingIn(dataset["dataset_id"], preset=preset, overrides=overrides)
        job = finished(client, part("api.models.start_training").sync(client=client, body=training))
        assert job.params.additional_properties["overrides"] == {"epochs": 1, "batch_size": 8}
        model = part("api.models.get_model").sync(job.result.additional_properties["model_id"], client=client)
        assert (model.preset, model.paradigm) == ("tiny", "supervised")


def upload(client: Any, case: Case) -> None:
    fields = form(case)
    body = part("models.body_upload_ecg").BodyUploadEcg(
        file=[part("types").File(payload=BytesIO(content), file_name=name) for name, content in case.files.items()],
        metadata=fields["metadata"],
        machine_report=case.machine_report,
        overread_report="Sinus rhythm. LVH",
    )
    answer = part("api.ecgs.upload_ecg").sync_detailed(client=client, body=body)
    assert answer.status_code == 201, answer.content
    assert len(answer.parsed.reports) == 2


def finished(client: Any, job: Any) -> Any:
    """Follow a job to its end."""
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        job = part("api.jobs.get_job").sync(job.id, client=client)
        if job.state == "succeeded":
            return job
        assert job.state in ("queued", "running"), job
        time.sleep(0.2)
    pytest.fail("the job never ended")
