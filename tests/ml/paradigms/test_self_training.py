import math

import numpy as np
import pytest
import torch
from torch import nn

from ml.paradigms.losses import self_training as module
from ml.paradigms.losses.self_training import SelfTraining, unsupervised_loss
from ml.paradigms.paradigm import Batch, Labels


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def slow_unsupervised(weak, strong, alpha, mask):
    """Equation 2's second term, as printed but for the mask, which the paper's text and equation say differently."""
    total, kept = 0.0, [0] * len(weak[0])
    for i in range(len(weak)):
        p = [sigmoid(z) for z in weak[i]]
        for c in range(len(p)):
            use = {
                "sample_max": max(p) >= alpha,
                "class_positive": p[c] >= alpha,
                "class_two_sided": p[c] >= alpha or p[c] <= 1 - alpha,
            }[mask]
            if use:
                q = sigmoid(strong[i][c])
                total += p[c] * math.log(q) + (1 - p[c]) * math.log(1 - q)
                kept[c] += 1
    return -total / (len(weak) * len(weak[0])), [count / len(weak) for count in kept]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("mask", ["sample_max", "class_positive", "class_two_sided"])
@pytest.mark.parametrize("spread", [0.5, 3.0])  # nearly nothing is sure, and much is
def test_the_loss_is_equation_2(mask, dtype, spread):
    torch.manual_seed(0)
    weak, strong = (spread * torch.randn(2, 9, 5)).to(dtype)
    loss, rate = unsupervised_loss(weak, strong, 0.9, mask)
    expected, kept = slow_unsupervised(weak.float().tolist(), strong.float().tolist(), 0.9, mask)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(expected, rel=1e-5, abs=1e-7)
    assert rate.tolist() == pytest.approx(kept)


def test_no_gradient_flows_through_the_pseudo_labels():
    weak, strong = torch.randn(2, 6, 3)
    weak.requires_grad_()
    strong.requires_grad_()
    unsupervised_loss(weak, strong, 0.5, "class_two_sided")[0].backward()
    assert weak.grad is None
    assert strong.grad.abs().sum() > 0


class Echo(nn.Module):
    """Gives each window's first values as its logits, and remembers how often it was asked."""

    def __init__(self):
        super().__init__()
        self.asked = 0
        self.gain = nn.Parameter(torch.tensor(1.0))

    def forward(self, windows):
        self.asked += 1
        return self.gain * windows[:, 0, :3]


@pytest.fixture
def batch():
    random = np.random.default_rng(1)
    positive = torch.from_numpy((random.random((4, 3)) < 0.5).astype(np.float32))
    windows, unlabelled = torch.randn(4, 12, 50), 3 * torch.randn(7, 12, 50)
    return Batch(np.arange(4), windows, positive, torch.ones(4, 3, dtype=torch.bool), unlabelled)


def labels():
    return Labels(np.eye(3, dtype=np.float32), np.ones((3, 3), bool))


def test_both_terms_come_from_one_forward_pass(monkeypatch, batch):
    monkeypatch.setattr(module, "weak", lambda windows: windows)
    monkeypatch.setattr(module, "strong", lambda windows: windows + 1)
    paradigm = SelfTraining(Echo(), labels(), weight=0.5, alpha=0.8, mask="class_positive")
    outcome = paradigm.loss(batch)
    logits, weak_logits = batch.windows[:, 0, :3], batch.unlabelled[:, 0, :3]
    supervised = sum(
        -2 * y * math.log(sigmoid(z)) - (1 - y) * math.log(1 - sigmoid(z))  # two negatives a positive
        for y, z in zip(batch.positive.flatten().tolist(), logits.flatten().tolist(), strict=True)
    )
    unsupervised, kept = slow_unsupervised(weak_logits.tolist(), (weak_logits + 1).tolist(), 0.8, "class_positive")
    assert outcome.loss.item() == pytest.approx(supervised / 12 + 0.5 * unsupervised, rel=1e-5)
    assert outcome.logged["mask_rate"].tolist() == pytest.approx(kept)
    assert paradigm.model.asked == 1


def test_the_paper_s_setting_is_the_default(batch):
    paradigm = SelfTraining(Echo(), labels())
    assert (paradigm._weight, paradigm._alpha, paradigm._mask) == (1.0, 0.95, "sample_max")


@pytest.mark.parametrize("wrong", [{"alpha": 0.0}, {"alpha": 1.1}, {"weight": -1.0}])
def test_a_setting_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match="threshold"):
        SelfTraining(Echo(), labels(), **wrong)
