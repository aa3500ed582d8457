"""What only a GPU does: half precision, a compiled encoder, the corpus on the card."""

import pytest
import torch
from safetensors.torch import load_file

from ml.inference.predictor import Predictor
from ml.training.loop import Training

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]


@pytest.mark.parametrize("paradigm", ["supervised", "self_training", "clip", "negclip"])
@pytest.mark.parametrize("corpus_on_gpu", ["always", "never"])
def test_every_paradigm_trains_on_a_gpu_and_is_read_on_a_cpu(
    make_run, said, unlabelled_folder, paradigm, corpus_on_gpu
):
    config = {"paradigm": paradigm, "preset": "test", "device": "cuda:0", "precision": "auto"}
    config["corpus_on_gpu"] = corpus_on_gpu
    if paradigm == "self_training":
        config["unlabelled"] = str(unlabelled_folder)
    training = Training(make_run(**config), said)
    assert (training.windows.resident is not None) == (corpus_on_gpu == "always")
    training.run()
    weights = load_file(training.folder / "bundle/weights.safetensors")
    assert all(tensor.isfinite().all() for tensor in weights.values())
    assert not [name for name in weights if "_orig_mod" in name]
    rows = training.store.rows("test")
    here = Predictor(training.folder / "bundle", "cpu").window_logits(training.store.windows, rows)
    assert here == pytest.approx(training._logits(rows), abs=0.02)  # TensorFloat-32 beside float32
