import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from ml.bundles.bundle import amend, read_manifest
from ml.inference import serve as module
from ml.inference.predictor import Predictor
from ml.inference.serve import Bundles, serve
from ml.processes.frames import FrameError, read_frame, write_frame


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.fixture
def signal():
    return np.random.default_rng(0).standard_normal((12, 5000)) * 0.2


def frames(*batches):
    """Frames of questions: lists of header and body."""
    stream = io.BytesIO()
    for batch in batches:
        asked = [{"bytes": len(body), **header} for header, body in batch]
        write_frame(stream, {"questions": asked}, b"".join(body for _, body in batch))
    stream.seek(0)
    return stream


def ask(*questions, together=False):
    answers = io.BytesIO()
    batches = [questions] if together else [[question] for question in questions]
    serve(frames(*batches), answers, device="cpu")
    answers.seek(0)
    return [reply for _ in batches for reply in json.loads(read_frame(answers)[1])]


def test_the_answer_is_the_predictor_s(bundle_folder, signal):
    [reply] = ask(({"bundle": str(bundle_folder), "sampling_rate_hz": 500}, npy(signal)))
    assert reply == {"answer": Predictor(bundle_folder, "cpu").predict(signal, 500)}


@pytest.mark.parametrize("together", [False, True])
def test_a_bad_question_has_its_reason_and_the_others_are_answered(bundle_folder, signal, tmp_path, together):
    good = {"bundle": str(bundle_folder), "sampling_rate_hz": 500}
    pickled = io.BytesIO()
    np.save(pickled, np.array([{"a": 1}]), allow_pickle=True)
    questions = (
        (good, npy(signal[:, :100])),
        ({**good, "bundle": str(tmp_path)}, npy(signal)),
        ({"bundle": str(bundle_folder)}, npy(signal)),
        ({**good, "sampling_rate_hz": "fast"}, npy(signal)),
        (good, b"no array"),
        (good, pickled.getvalue()),
        (good, npy(signal[:3])),
        (good, npy(signal)),
    )
    replies = ask(*questions, together=together)
    codes = [reply["error"]["code"] if "error" in reply else "answer" for reply in replies]
    assert codes == ["unusable", "bundle_damaged", *["failed"] * 5, "answer"]
    assert replies[0]["error"]["reasons"][0]["code"] == "too_short"


def test_a_damaged_graph_fails_its_own_question(bundle_folder, signal, tmp_path):
    def with_ranges(name, change):
        copy = tmp_path / name
        shutil.copytree(bundle_folder, copy)
        integers = read_manifest(copy).integers.model_dump()
        amend(copy, {"integers": {**integers, "ranges": change(integers["ranges"])}}, lambda complete: {})
        return {"bundle": str(copy), "sampling_rate_hz": 500}

    incomplete = with_ranges("incomplete", lambda ranges: {"stem": ranges["stem"]})
    foreign = with_ranges("foreign", lambda ranges: {**ranges, "other": (0.0, 1.0)})
    torn = with_ranges("torn", lambda ranges: ranges)
    manifest = Path(torn["bundle"]) / "bundle.json"
    manifest.write_bytes(manifest.read_bytes()[:-100])
    good = {"bundle": str(bundle_folder), "sampling_rate_hz": 500}
    replies = ask(*((each, npy(signal)) for each in (incomplete, good, foreign, torn, good)))
    codes = [reply["error"]["code"] if "error" in reply else "answer" for reply in replies]
    assert codes == ["bundle_damaged", "answer", "bundle_damaged", "bundle_damaged", "answer"]


def test_a_device_that_is_lost_ends_the_child_after_its_answer(bundle_folder, signal, monkeypatch):
    def lost(self, *question):
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(Predictor, "predict_each", lost)
    question, answers = ({"bundle": str(bundle_folder), "sampling_rate_hz": 500}, npy(signal)), io.BytesIO()
    serve(frames([question], [question]), answers, device="cpu")
    answers.seek(0)
    assert json.loads(read_frame(answers)[1])[0]["error"]["code"] == "device_lost"
    with pytest.raises(EOFError):
        read_frame(answers)


def test_a_torn_stream_ends_the_child():
    with pytest.raises(FrameError):
        serve(io.BytesIO(b"\xff" * 40), io.BytesIO())


def test_the_bundle_asked_for_longest_ago_goes_first(monkeypatch):
    loaded = []

    def load(folder, device):
        loaded.append(folder.name)
        return object()

    monkeypatch.setattr(module, "Predictor", load)
    bundles = Bundles(None)
    for name in "abcadb":  # b was asked for longest ago when d comes
        _ = bundles[name]
    assert loaded == ["a", "b", "c", "d", "b"]


def test_the_child_answers_over_its_pipes_and_ends_with_them(bundle_folder, signal):
    child = subprocess.Popen(
        [sys.executable, "-m", "ml", "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    with child:
        for _ in range(2):
            child.stdin.write(frames([({"bundle": str(bundle_folder), "sampling_rate_hz": 500}, npy(signal))]).read())
            child.stdin.flush()
            header, replies = read_frame(child.stdout)
            assert header == {"loaded": [str(bundle_folder)]}
            assert len(json.loads(replies)[0]["answer"]["labels"]) == 3
        child.stdin.close()
        assert child.wait(20) == 0
