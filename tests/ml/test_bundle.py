import json
import shutil
import subprocess
import sys

import pytest
import torch

from ml import bundle
from ml.bundle import InvalidBundle, read_manifest, read_weights


@pytest.fixture
def copy(bundle_folder, tmp_path):
    return shutil.copytree(bundle_folder, tmp_path / "copy")


def edit(folder, **fields):
    path = folder / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def without_stamps(manifest):
    return {
        name: value
        for name, value in manifest.to_dict().items()
        if name not in ("created_at", "versions", "weights_sha256")
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
    assert sorted(path.name for path in copy.iterdir()) == ["bundle.json", "weights.safetensors"]
    assert [path.name for path in copy.parent.iterdir()] == ["copy"]


def test_a_changed_byte_of_the_weights_is_refused(copy):
    path = copy / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(InvalidBundle, match="not those"):
        read_weights(copy, read_manifest(copy))


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
def test_a_manifest_of_another_form_is_refused(copy, fields):
    edit(copy, **fields)
    with pytest.raises(InvalidBundle):
        read_manifest(copy)


def test_a_label_twice_or_a_number_that_is_none_is_refused(copy):
    labels = json.loads((copy / "bundle.json").read_text())["labels"]
    edit(copy, labels=[labels[0], labels[0]])
    with pytest.raises(InvalidBundle, match="twice"):
        read_manifest(copy)
    edit(copy, labels=[{**labels[0], "bias": float("nan")}])
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
    modules = "ml.bundle, ml.corpus.store, ml.frames, ml.events, ml.metrics, ml.calibration, ml.__main__"
    code = f"import {modules}, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_clip_bundle_is_weights_and_one_json_with_its_text_side(clip_bundle_folder):
    assert sorted(path.name for path in clip_bundle_folder.iterdir()) == ["bundle.json", "weights.safetensors"]
    manifest = read_manifest(clip_bundle_folder)
    assert manifest.text.prompts == {"fast": ("fast",), "upside_down": ("upside down",), "never": ("never seen",)}
    assert json.loads(manifest.text.tokenizer)["model"]["type"] == "BPE"
    card = manifest.to_card()
    assert "tokenizer" not in card["text"] and card["text"]["prompts"]["fast"] == ["fast"]
    assert {"transformers", "tokenizers"} <= manifest.versions.keys()
