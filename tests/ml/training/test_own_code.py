"""A researcher's own encoder and own paradigm: as docs/how-to/train.md shows them, in local use only."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from safetensors.torch import load_file

from app.kit.problems import Problem
from app.models.schemas import Overrides, TrainingIn
from app.studies.schemas import StudyIn
from app.studies.service import configurations
from ml.bundles.bundle import InvalidBundle, read_manifest
from ml.inference.evaluate import run as evaluate
from ml.inference.predictor import Predictor
from ml.processes.own_code import OwnCodeError
from ml.training.loop import run
from tests.ml.code_blocks import write_blocks

PAGE = "how-to/train.md"
ENCODER = "my_package.encoder:make_encoder"
PARADIGM = "my_package.smoothing:DEFINITION"


@pytest.fixture
def own_package(tmp_path, monkeypatch):
    """The page's package, importable here and gone afterwards."""
    folder = tmp_path / "code"
    files = {path.name for path in write_blocks(PAGE, folder)}
    assert {"encoder.py", "smoothing.py", "own_encoder.yaml", "own_paradigm.yaml"} <= files
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_package"]:
        del sys.modules[name]


def last_event(output):
    return json.loads(output.splitlines()[-1])


@pytest.mark.parametrize("name", ["own_encoder", "own_paradigm"])
def test_the_page_s_example_trains_from_the_command_line(own_package, store_folder, tmp_path, name):
    command = [sys.executable, "-m", "ml", "train", f"{own_package}/{name}.yaml"]
    command += ["--corpus", str(store_folder), "--out", str(tmp_path / "run")]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(own_package)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert last_event(done.stdout)["event"] == "result"
    read_manifest(tmp_path / "run/bundle")


def test_a_bundle_names_its_own_encoder_and_is_loaded_where_that_is_allowed(own_package, make_run, said, store):
    folder = make_run(encoder=ENCODER, epochs=1)
    run(folder, said, allow_own=True)
    manifest = read_manifest(folder / "bundle")
    assert (manifest.architecture, manifest.own_encoder, manifest.encoder) == ("own", ENCODER, None)
    with pytest.raises(OwnCodeError, match="local use only"):
        Predictor(folder / "bundle", "cpu")
    logits = Predictor(folder / "bundle", "cpu", allow_own=True).window_logits(store.windows, store.rows("test"))
    assert np.isfinite(logits).all() and logits.shape[1] == 3


def test_a_run_folder_of_the_service_cannot_name_own_code(own_package, make_run, said):
    for name, given in {"a": {"encoder": ENCODER}, "b": {"paradigm": PARADIGM}}.items():
        with pytest.raises(ValueError, match="local use only"):
            run(make_run(name, **given), said)
    assert not any(name.startswith("my_package") for name in sys.modules)


def test_evaluating_and_starting_from_such_a_bundle_need_the_permission_too(own_package, make_run, said, store_folder):
    folder = make_run(encoder=ENCODER, epochs=1)
    run(folder, said, allow_own=True)
    place = make_run("evaluation")
    config = {"bundle": str(folder / "bundle"), "dataset": str(store_folder), "device": "cpu"}
    (place / "config.json").write_text(json.dumps(config))
    with pytest.raises(OwnCodeError):
        evaluate(place, said)
    assert evaluate(place, said, allow_own=True)["windows"] > 0
    again = {"start_from": str(folder / "bundle"), "epochs": 1}
    with pytest.raises(OwnCodeError):
        run(make_run("start", **again), said)
    run(make_run("started", **again), said, allow_own=True)
    names = [load_file(each / "bundle/weights.safetensors").keys() for each in (folder, folder.parent / "started")]
    assert names[0] == names[1]


def test_a_contrastive_paradigm_uses_the_encoder_too(own_package, make_run, said):
    folder = make_run(encoder=ENCODER, paradigm="negclip", preset="test", epochs=1)
    run(folder, said, allow_own=True)
    assert Predictor(folder / "bundle", "cpu", allow_own=True).manifest.own_encoder == ENCODER


def test_an_own_paradigm_has_its_own_section(own_package, make_run, said):
    with pytest.raises(ValueError, match="smoothing"):
        run(make_run("wrong", paradigm=PARADIGM, own={"smoothing": 0.9}), said, allow_own=True)
    with pytest.raises(ValueError, match="own has no meaning for supervised"):
        run(make_run("other", own={"smoothing": 0.1}), said)
    folder = make_run("right", paradigm=PARADIGM, own={"smoothing": 0.2}, epochs=1)
    run(folder, said, allow_own=True)
    manifest = read_manifest(folder / "bundle")
    assert (manifest.paradigm, manifest.training["own"]) == ("smoothed", {"smoothing": 0.2})
    Predictor(folder / "bundle", "cpu")  # it needs no own code


@pytest.mark.parametrize(
    ("module", "name", "why"),
    [
        ("", "nowhere.at_all:make", "No module named"),
        ("", "my_own:absent", "has no absent"),
        ("make = lambda: 3", "my_own:make", "must return a torch.nn.Module"),
        ("import torch\nmake = lambda: torch.nn.Flatten(0)", "my_own:make", "it must return"),
    ],
)
def test_what_is_no_encoder_says_why(tmp_path, monkeypatch, make_run, said, module, name, why):
    (tmp_path / "my_own.py").write_text(module)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "my_own", raising=False)
    with pytest.raises(OwnCodeError, match=why):
        run(make_run(encoder=name), said, allow_own=True)


def test_what_is_no_definition_says_so(own_package, make_run, said):
    with pytest.raises(ValueError, match="it must be an ml"):
        run(make_run(paradigm=ENCODER), said, allow_own=True)


@pytest.mark.parametrize("given", [{"encoder": ENCODER}, {"own": {}}])
def test_the_api_takes_no_own_code(own_package, given):
    dataset = "0e0158a9-cee3-46ff-815a-f0fed70cb390"
    with pytest.raises(ValidationError):
        Overrides.model_validate(given)
    with pytest.raises(ValidationError):
        TrainingIn.model_validate({"dataset": dataset, "paradigm": PARADIGM})
    with pytest.raises(Problem):
        configurations(StudyIn.model_validate({"dataset": dataset, "overrides": given}))


@pytest.mark.parametrize(
    "wrong", [{"own_encoder": None}, {"own_encoder": "os:system; rm"}, {"architecture": "resnet1d"}]
)
def test_a_bundle_whose_encoder_is_unclear_is_refused(own_package, make_run, said, rewrite, wrong):
    folder = make_run(encoder=ENCODER, epochs=1)
    run(folder, said, allow_own=True)
    manifest = json.loads((folder / "bundle/bundle.json").read_text())
    rewrite(folder / "bundle", json.dumps({**manifest, **wrong}))
    with pytest.raises(InvalidBundle, match="encoder"):
        read_manifest(folder / "bundle")


def test_the_command_predicts_with_such_a_bundle_when_it_is_allowed(own_package, make_run, said, store_folder):
    folder = make_run(encoder=ENCODER, epochs=1)
    run(folder, said, allow_own=True)
    command = [str(Path(sys.executable).with_name("overread")), "predict", str(store_folder / "windows.npy")]
    command += ["--model", str(folder / "bundle")]
    environment = {**os.environ, "PYTHONPATH": str(own_package)}
    refused = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert refused.returncode != 0 and "local use only" in refused.stderr and "Traceback" not in refused.stderr
    allowed = subprocess.run([*command, "--allow-own"], env=environment, capture_output=True, text=True, check=False)
    assert allowed.returncode == 0, allowed.stderr
    assert json.loads(allowed.stdout.splitlines()[0])["probabilities"].keys() == {"fast", "upside_down", "never"}
