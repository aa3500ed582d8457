"""Equations 3 and 4 beside loops written from them."""

import math

import pytest
import torch

from ml.paradigms.losses.clip import clip_loss


def slow_loss(s, true, targets, wrong, wrong_of, owner, implied):
    """One ECG, one text, one term at a time; `s[i][j]` is ECG i with text j."""
    pairs, hard = len(s), len(owner)
    if pairs == 0:
        return 0.0
    if targets == "sigmoid":
        total = 0.0
        for i in range(pairs):
            for j in range(pairs):
                if not implied[i][j]:
                    total += math.log1p(math.exp(-s[i][j] if true[i][j] else s[i][j]))
            for n in range(hard):
                if wrong_of[i][n]:
                    total += math.log1p(math.exp(wrong[i][n]))
        return total / pairs

    def stays(i, j):  # in a denominator
        if targets == "diagonal":
            return True
        return not (implied[i][j] or (targets == "masked" and i != j and true[i][j]))

    def positive(i, j):
        return true[i][j] if targets == "multi_positive" else i == j

    total = 0.0
    for i in range(pairs):
        bottom = sum(math.exp(s[i][j]) for j in range(pairs) if stays(i, j))
        bottom += sum(math.exp(wrong[i][n]) for n in range(hard) if wrong_of[i][n])
        mine = [j for j in range(pairs) if positive(i, j)]
        total += sum(-math.log(math.exp(s[i][j]) / bottom) for j in mine) / len(mine)
    for j in range(pairs):
        bottom = sum(math.exp(s[i][j]) for i in range(pairs) if stays(i, j))
        for n in range(hard):
            if owner[n] == j:
                bottom += sum(math.exp(wrong[i][n]) for i in range(pairs) if wrong_of[i][n])
        mine = [i for i in range(pairs) if positive(i, j)]
        total += sum(-math.log(math.exp(s[i][j]) / bottom) for i in mine) / len(mine)
    return total / (2 * pairs)


def world(pairs, hard, repeats=False, dtype=torch.float32):
    """Embeddings of ECGs, texts and hard negatives, and what is true of what."""
    torch.manual_seed(pairs + hard)
    ecg, text, wrong = (
        torch.nn.functional.normalize(torch.randn(n, 6), dim=1).to(dtype).requires_grad_() for n in (pairs, pairs, hard)
    )
    true = torch.rand(pairs, pairs) < 0.2
    true.fill_diagonal_(True)
    if repeats:  # the first half of the pairs all have the statement of the first
        with torch.no_grad():
            text[: pairs // 2] = text[0]
        true[: pairs // 2, : pairs // 2] = True
    owner = torch.randint(0, max(1, pairs), (hard,))
    wrong_of = torch.rand(pairs, hard) < 0.7
    wrong_of[owner, torch.arange(hard)] = True
    implied = (torch.rand(pairs, pairs) < 0.3) & ~true
    return ecg, text, wrong, true, wrong_of, owner, implied


def similarities(ecg, text, wrong):
    return 5 * ecg.float() @ text.float().T, 5 * ecg.float() @ wrong.float().T


TARGETS = ["diagonal", "masked", "multi_positive", "sigmoid"]
WORLDS = [
    pytest.param((6, 5, False), id="hard negatives"),
    pytest.param((6, 0, False), id="no hard negative"),
    pytest.param((6, 4, True), id="repeated statements"),
    pytest.param((1, 2, False), id="one pair"),
    pytest.param((1, 0, False), id="one pair alone"),
    pytest.param((0, 0, False), id="no pair"),
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("targets", TARGETS)
@pytest.mark.parametrize("of", WORLDS)
def test_the_loss_is_the_loop_s(of, targets, dtype):
    ecg, text, wrong, true, wrong_of, owner, implied = world(*of, dtype=dtype)
    s, hard = similarities(ecg, text, wrong)
    loss = clip_loss(s, true, targets, wrong=hard, wrong_of=wrong_of, owner=owner, implied=implied)
    expected = slow_loss(
        s.tolist(), true.tolist(), targets, hard.tolist(), wrong_of.tolist(), owner.tolist(), implied.tolist()
    )
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(expected, rel=1e-5, abs=1e-6)
    loss.backward()
    assert ecg.grad.isfinite().all() and text.grad.isfinite().all()


@pytest.mark.parametrize("targets", TARGETS)
def test_the_gradient_is_that_of_finite_differences(targets):
    ecg, text, wrong, true, wrong_of, owner, implied = (
        each.double() if each.is_floating_point() else each for each in world(4, 3, repeats=True)
    )
    parts = [part.detach().requires_grad_() for part in (ecg, text, wrong)]

    def loss(ecg, text, wrong):
        return clip_loss(
            5 * ecg @ text.T, true, targets, wrong=5 * ecg @ wrong.T, wrong_of=wrong_of, owner=owner, implied=implied
        )

    assert torch.autograd.gradcheck(loss, parts)


def test_without_hard_negatives_equation_4_is_equation_3():
    ecg, text, wrong, true, wrong_of, owner, _ = world(5, 0)
    s, hard = similarities(ecg, text, wrong)
    assert torch.equal(clip_loss(s, true), clip_loss(s, true, "diagonal", wrong=hard, wrong_of=wrong_of, owner=owner))


def test_equation_3_is_cross_entropy_both_ways():
    ecg, text, *_ = world(5, 0)
    s, own = similarities(ecg, text, text)[0], torch.arange(5)
    both = (torch.nn.functional.cross_entropy(s, own) + torch.nn.functional.cross_entropy(s.T, own)) / 2
    torch.testing.assert_close(clip_loss(s, torch.eye(5, dtype=torch.bool)), both)


def test_a_hard_negative_pushes_only_the_ecgs_of_which_it_is_wrong():
    _, _, _, true, _, owner, _ = world(3, 1)
    wrong_of = torch.zeros(3, 1, dtype=torch.bool)
    wrong_of[owner[0]] = True
    hard = torch.zeros(3, 1, requires_grad=True)
    clip_loss(torch.zeros(3, 3), true, "diagonal", wrong=hard, wrong_of=wrong_of, owner=owner).backward()
    assert (hard.grad[:, 0] > 0).tolist() == wrong_of[:, 0].tolist()


def test_only_the_diagonal_calls_a_repeated_statement_wrong():
    true = torch.ones(3, 3, dtype=torch.bool)
    s = torch.zeros(3, 3, requires_grad=True)
    pushed = {}
    for targets in TARGETS:
        [gradient] = torch.autograd.grad(clip_loss(s, true, targets), s)
        pushed[targets] = bool((gradient[~torch.eye(3, dtype=torch.bool)] > 1e-6).any())
    assert pushed == {"diagonal": True, "masked": False, "multi_positive": False, "sigmoid": False}


def test_what_is_implied_is_pushed_by_the_diagonal_alone():
    true = torch.eye(3, dtype=torch.bool)
    implied = torch.zeros(3, 3, dtype=torch.bool)
    implied[0, 1] = True
    s = torch.zeros(3, 3, requires_grad=True)
    pushed = {}
    for targets in TARGETS:
        [gradient] = torch.autograd.grad(clip_loss(s, true, targets, implied=implied), s)
        assert gradient[1, 0] > 0
        pushed[targets] = gradient[0, 1].item() != 0
    assert pushed == {"diagonal": True, "masked": False, "multi_positive": False, "sigmoid": False}


def test_the_hottest_similarities_stay_finite():
    s = torch.full((4, 4), -100.0).fill_diagonal_(100.0).requires_grad_()
    hard = torch.full((4, 2), 100.0)
    for targets in TARGETS:
        loss = clip_loss(
            s,
            torch.eye(4, dtype=torch.bool),
            targets,
            wrong=hard,
            wrong_of=torch.ones(4, 2, dtype=torch.bool),
            owner=torch.tensor([0, 3]),
        )
        assert loss.isfinite() and torch.autograd.grad(loss, s)[0].isfinite().all()
