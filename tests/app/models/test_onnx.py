"""A model goes out as an ONNX file, by the API and by the command."""

from pathlib import Path

import httpx
import numpy as np
import onnxruntime
import pytest
import torch
from typer.testing import CliRunner

from app.cli import cli
from app.kit.database import Database
from app.kit.folders import Folders
from app.models.starter import ensure_starter
from app.settings import Settings
from ml.bundles.bundle import read_manifest, save
from ml.bundles.network import describe_encoder
from ml.networks.ecg import EcgNetwork
from ml.networks.resnet1d import Architecture
from ml.starter import BUNDLE
from tests.app.models.test_bundles import send, tar


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A small ResNet with the labels of the starter model."""
    torch.manual_seed(0)
    starter = read_manifest(BUNDLE).to_dict()
    network = EcgNetwork(Architecture((1,), 4), len(starter["labels"])).eval()
    kept = ("labels", "preprocessing", "dataset_sha256", "training", "metrics")
    manifest = {**{name: starter[name] for name in kept}, "paradigm": "supervised", "preset": "tiny"}
    save(tmp_path / "bundle", {**manifest, **describe_encoder(network)}, network.state_dict())
    return tmp_path / "bundle"


def test_a_model_goes_out_as_onnx(client: httpx.Client, bundle: Path, keys: dict[str, str], tmp_path: Path) -> None:
    model = send(client, tar(bundle)).json()["id"]
    out = client.get(f"/v1/models/{model}/onnx", headers={"Authorization": f"Bearer {keys['researcher']}"})
    assert (out.status_code, out.headers["content-type"]) == (200, "application/octet-stream"), out.text
    session = onnxruntime.InferenceSession(out.content, providers=["CPUExecutionProvider"])
    said = session.run(None, {"window": np.zeros((2, 12, 2500), np.float32)})
    assert [each.shape for each in said] == [(2, 13), (2, 13)]
    by_command = CliRunner().invoke(cli, ["onnx", str(bundle), str(tmp_path / "m.onnx")])
    assert by_command.exit_code == 0 and (tmp_path / "m.onnx").read_bytes() == out.content
    again = CliRunner().invoke(cli, ["onnx", str(bundle), str(tmp_path / "m.onnx")])
    assert again.exit_code == 2 and "is there already" in again.stderr


def test_a_model_that_cannot_be_written_so_says_why(
    client: httpx.Client, settings: Settings, database: Database, keys: dict[str, str], tmp_path: Path
) -> None:
    ensure_starter(database, Folders(settings.data_dir))
    [model] = client.get("/v1/models").json()["items"]
    answer = client.get(f"/v1/models/{model['id']}/onnx")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/no_onnx")
    assert "starter model measures beats" in answer.json()["detail"]
    viewer = {"Authorization": f"Bearer {keys['viewer']}"}
    assert client.get(f"/v1/models/{model['id']}/onnx", headers=viewer).status_code == 403
    refused = CliRunner().invoke(cli, ["onnx", str(BUNDLE), str(tmp_path / "m.onnx")])
    assert refused.exit_code == 2 and "starter model" in refused.stderr
