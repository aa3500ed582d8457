import json
import shutil
import subprocess
import sys

import pytest
import torch
from pydantic import ValidationError

from ml.bundles import bundle
from ml.bundles.bundle import InvalidBundle, TextPart, read_manifest, read_weights
from ml.inference.predictor import Predictor


@pytest.fixture
def copy(bundle_folder, tmp_path):
    return shutil.copytree(bundle_folder, tmp_path / "copy")


@pytest.fixture
def edit(copy, rewrite):
    def edit(**fields):
        rewrite(copy, json.dumps({**json.loads((copy / "bundle.json").read_text()), **fields}))

    return edit


def without_stamps(manifest):
    return {
        name: value
        for name, value in manifest.to_dict().items()
        if name not in ("created_at", "versions", "weights_sha256", "files")
    }


def test_what_is_saved_is_loaded(bundle_folder, tmp_path):
    manifest = read_manifest(bundle_folder)
    weights = read_weights(bundle_folder, manifest)
    again = bundle.save(tmp_path / "again", without_stamps(manifest), weights)
    assert again.weights_sha256 == manifest.weights_sha256
    assert read_manifest(tmp_path / "again") == again
    loaded = read_weights(tmp_path / "again", again)
    assert all(torch.equal(loaded[name], weights[name]) for name in weights)


def test_saving_over_a_bundle_replaces_it_whole(bundle_folder, copy):
    manifest = read_manifest(bundle_folder)
    (copy / "stray").touch()
    bundle.save(copy, {**without_stamps(manifest), "paradigm": "other"}, {"w": torch.ones(2)})
    assert read_manifest(copy).paradigm == "other"
    assert sorted(path.name for path in copy.rglob("*") if path.is_file()) == [
        "bundle.json",
        "bundle.json.sha256",
        "weights.safetensors",
    ]
    assert [path.name for path in copy.parent.iterdir()] == ["copy"]


def test_a_changed_byte_of_any_file_is_refused(bundle_folder, tmp_path):
    names = sorted(str(path.relative_to(bundle_folder)) for path in bundle_folder.rglob("*") if path.is_file())
    assert {"bundle.json", "bundle.json.sha256", "card.md", "plots/roc.svg", "weights.safetensors"} <= set(names)
    for name in names:
        for place in (0, -1):
            copy = shutil.copytree(bundle_folder, tmp_path / "copy", dirs_exist_ok=True)
            content = bytearray((copy / name).read_bytes())
            content[place] ^= 1
            (copy / name).write_bytes(content)
            with pytest.raises(InvalidBundle):
                read_weights(copy, read_manifest(copy))
            with pytest.raises(InvalidBundle):
                Predictor(copy, "cpu")


def test_a_missing_file_is_refused(copy):
    (copy / "card.md").unlink()
    with pytest.raises(InvalidBundle, match=r"card\.md was changed"):
        read_weights(copy, read_manifest(copy))


@pytest.mark.parametrize("name", ["../secret.md", "/etc/passwd", "plots/../../x.md", "card.exe", "a/b.md"])
def test_a_manifest_names_no_file_outside_the_bundle(copy, edit, name):
    edit(files={name: "0" * 64})
    with pytest.raises(InvalidBundle):
        read_manifest(copy)


def test_nothing_in_a_bundle_is_unpickled(bundle_folder):
    suffixes = {path.suffix for path in bundle_folder.rglob("*") if path.is_file()}
    assert suffixes == {".safetensors", ".json", ".sha256", ".md", ".svg", ".csv"}


def test_it_loads_without_the_service(bundle_folder):
    code = f"from ml.inference.predictor import Predictor; import sys; Predictor(__import__('pathlib').Path({str(bundle_folder)!r}))"
    code += "; sys.exit(any(name.partition('.')[0] in ('app', 'sqlalchemy', 'matplotlib') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_missing_weights_are_refused(copy):
    (copy / "weights.safetensors").unlink()
    with pytest.raises(InvalidBundle):
        read_weights(copy, read_manifest(copy))


@pytest.mark.parametrize(
    "fields",
    [
        {"format": 2},
        {"encoder": None},
        {"encoder": {"blocks": [], "width": 12}},
        {"labels": []},
        {"surprise": 1},
        {"preprocessing": {"high_pass_hz": 0.5}},
        {"weights_sha256": None},
        {"labels": [{"key": "a", "name": "A", "threshold": 1.5}]},
    ],
)
def test_a_manifest_of_another_form_is_refused(copy, edit, fields):
    edit(**fields)
    with pytest.raises(InvalidBundle):
        read_manifest(copy)


def test_a_label_twice_or_a_number_that_is_none_is_refused(copy, edit):
    labels = json.loads((copy / "bundle.json").read_text())["labels"]
    edit(labels=[labels[0], labels[0]])
    with pytest.raises(InvalidBundle, match="twice"):
        read_manifest(copy)
    edit(labels=[{**labels[0], "bias": float("nan")}])
    with pytest.raises(InvalidBundle):
        read_manifest(copy)


def test_a_folder_that_is_no_bundle_is_refused(tmp_path):
    with pytest.raises(InvalidBundle):
        read_manifest(tmp_path)
    with (tmp_path / "bundle.json").open("wb") as file:
        file.truncate(bundle.MAX_MANIFEST_BYTES + 1)
    with pytest.raises(InvalidBundle, match="too large"):
        read_manifest(tmp_path)


def test_the_service_s_side_needs_no_torch():
    modules = "ml.bundles.bundle, ml.corpus.store, ml.processes.frames, ml.processes.events, ml.evaluation.metrics, ml.evaluation.calibration, ml.__main__"
    code = f"import {modules}, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_clip_bundle_is_weights_and_one_json_with_its_text_side(clip_bundle_folder):
    assert not list(clip_bundle_folder.rglob("*tokenizer*"))
    manifest = read_manifest(clip_bundle_folder)
    assert manifest.text.prompts == {"fast": ("fast",), "upside_down": ("upside down",), "never": ("never seen",)}
    assert manifest.text.weights == {"fast": (1,), "upside_down": (1,), "never": (1,)}
    for weights in ({"fast": (0.5, 0.5)}, {"fast": (0.0,)}, {"quux": (1.0,)}):
        with pytest.raises(ValidationError, match="weights"):
            TextPart.model_validate({**manifest.text.model_dump(), "weights": weights})
    assert json.loads(manifest.text.tokenizer)["model"]["type"] == "BPE"
    card = manifest.to_card()
    assert "tokenizer" not in card["text"] and card["text"]["prompts"]["fast"] == ["fast"]
    assert {"transformers", "tokenizers"} <= manifest.versions.keys()
