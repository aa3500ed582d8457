"""The same bytes in, the same numbers out, to the last bit: alone, among others, in any order, in another process."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch

from ml.bundles.bundle import amend
from ml.corpus.simulator import simulate
from ml.inference.engine import one_thread
from ml.inference.predictor import Predictor, Question
from ml.signals import preprocess
from ml.starter import BUNDLE

SCRIPT = """
import json, sys
from pathlib import Path
from ml.corpus.simulator import simulate
from ml.inference.predictor import Predictor
predictor = Predictor(Path(sys.argv[1]), "cpu")
ecgs = [ecg.recording for ecg in simulate(3, seed=11)]
print(json.dumps([predictor.predict(ecg.millivolts(), ecg.sampling_rate_hz) for ecg in ecgs]))
"""


def questions():
    recordings = [ecg.recording for ecg in simulate(5, seed=11)]
    found = [Question(each.millivolts(), each.sampling_rate_hz) for each in recordings]
    long = np.concatenate([found[0].signal_mv, found[1].signal_mv], axis=1)
    return [*found, Question(long, found[0].sampling_rate_hz)]


@pytest.fixture(scope="module", params=["in_integers", "in_floats", "clip", "starter"])
def folder(request, bundle_folder, clip_bundle_folder, tmp_path_factory):
    given = {"clip": clip_bundle_folder, "starter": BUNDLE}.get(request.param, bundle_folder)
    if request.param != "in_floats":
        return given
    copy = tmp_path_factory.mktemp("floats") / "bundle"
    shutil.copytree(given, copy)
    amend(copy, {"integers": None}, lambda complete: {})
    return copy


def test_alone_in_a_batch_in_another_order_and_window_by_window(folder):
    predictor, asked = Predictor(folder, "cpu"), questions()
    alone = [predictor.predict(*each) for each in asked]
    assert predictor.predict_each(asked) == alone
    assert predictor.predict_each(asked[::-1]) == alone[::-1]
    for question, answer in zip(asked[:5], alone, strict=False):
        windows = preprocess(question.signal_mv, question.sampling_rate_hz, predictor.preprocessing).values
        [by_command] = predictor.window_probabilities(windows)
        assert by_command == {label["label"]: label["probability"] for label in answer["labels"]}


@pytest.mark.parametrize("which", ["in_integers", "starter"])
def test_in_another_process_with_more_threads(which, bundle_folder):
    folder = BUNDLE if which == "starter" else bundle_folder
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder)],
        env={**os.environ, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"},
        capture_output=True,
        check=True,
    )
    predictor = Predictor(folder, "cpu")
    with one_thread():
        assert json.loads(done.stdout) == [predictor.predict(*each) for each in questions()[:3]]


def test_one_bad_ecg_harms_no_other(bundle_folder):
    predictor, asked = Predictor(bundle_folder, "cpu"), questions()
    bad = Question(np.zeros((12, 5000)), 500.0)
    found = predictor.predict_each([bad, asked[0], bad, asked[1]._replace(phrases=["fast"])])
    assert [type(each).__name__ for each in found] == ["Unusable", "dict", "Unusable", "NoTextSide"]
    assert found[1] == predictor.predict(*asked[0])


def test_the_number_of_threads_is_put_back():
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
