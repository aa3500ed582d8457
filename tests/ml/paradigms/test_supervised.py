import math

import numpy as np
import pytest
import torch
from torch import nn

from ml.networks.ecg import EcgNetwork
from ml.networks.resnet1d import PRESETS
from ml.paradigms.losses import supervised as module
from ml.paradigms.losses.supervised import Supervised, positive_weights
from ml.paradigms.paradigm import Batch, Labels


def labels(positive, counts=None):
    positive = np.array(positive, np.float32)
    return Labels(positive, np.ones_like(positive, bool) if counts is None else np.array(counts, bool))


def test_positives_weigh_as_much_as_negatives_up_to_fifty():
    positive = np.zeros((120, 4))
    positive[:30, 0] = positive[:1, 1] = positive[:, 3] = 1
    assert positive_weights(labels(positive)).tolist() == [3.0, 50.0, 1.0, 0.0]


def test_what_does_not_count_has_no_weight():
    positive = [[1], [1], [0], [0], [0]]
    counts = [[1], [0], [1], [1], [0]]
    assert positive_weights(labels(positive, counts)).tolist() == [2.0]


class Fixed(nn.Module):
    """A network that gives what it was told to give."""

    def __init__(self, logits):
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, windows):
        return self.logits


def slow_loss(logits, positive, counts, weights):
    terms = []
    for i in range(len(logits)):
        for k in range(len(logits[i])):
            if counts[i][k]:
                p = 1 / (1 + math.exp(-logits[i][k]))
                terms.append(-weights[k] * positive[i][k] * math.log(p) - (1 - positive[i][k]) * math.log(1 - p))
    return sum(terms) / len(terms) if terms else 0.0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("ignored", [0.0, 0.3, 1.0])
def test_the_loss_is_weighted_cross_entropy_over_what_counts(ignored, dtype):
    random = np.random.default_rng(4)
    training = labels(random.random((40, 3)) < [0.5, 0.1, 0.0])
    logits = torch.from_numpy(random.normal(size=(6, 3))).to(dtype)
    paradigm = Supervised(Fixed(logits.tolist()).to(dtype), training)
    positive = (random.random((6, 3)) < 0.5).astype(np.float32)
    counts = random.random((6, 3)) >= ignored
    batch = Batch(np.arange(6), torch.zeros(6, 12, 50), torch.from_numpy(positive), torch.from_numpy(counts))
    loss = paradigm.loss(batch).loss
    expected = slow_loss(logits.tolist(), positive.tolist(), counts.tolist(), positive_weights(training).tolist())
    assert loss.dtype == torch.float32 and loss.item() == pytest.approx(expected, rel=1e-5)
    loss.backward()
    assert (paradigm.model.logits.grad.float().numpy()[~counts] == 0).all()


def test_training_sees_augmented_windows_and_scoring_does_not(monkeypatch):
    seen = []
    paradigm = Supervised(EcgNetwork(PRESETS["tiny"], 2), labels(np.zeros((4, 2))))
    paradigm.model.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))
    monkeypatch.setattr(module, "weak", lambda windows: windows + 1)
    windows = torch.zeros(3, 12, 500)
    paradigm.loss(Batch(np.arange(3), windows, torch.zeros(3, 2), torch.ones(3, 2, dtype=torch.bool)))
    paradigm.logits(windows)
    assert [float(inputs.mean()) for inputs in seen] == [1.0, 0.0]


def test_half_precision_windows_give_a_loss_in_full_precision():
    paradigm = Supervised(EcgNetwork(PRESETS["tiny"], 2), labels(np.zeros((4, 2))))
    batch = Batch(np.arange(3), torch.randn(3, 12, 500), torch.zeros(3, 2), torch.ones(3, 2, dtype=torch.bool))
    torch.manual_seed(0)
    full = paradigm.loss(batch).loss
    torch.manual_seed(0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = paradigm.loss(batch).loss
    assert half.dtype == torch.float32
    assert half.item() == pytest.approx(full.item(), rel=0.05)
