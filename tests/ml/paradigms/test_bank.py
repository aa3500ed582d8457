"""All statements of each ECG against a bank, beside a loop."""

import math

import pytest
import torch

from ml.paradigms.losses.bank import bank_loss


def slow_bank_loss(s, true, implied, wrong, wrong_of, owner):
    """One ECG, one text, one term at a time; `s[i][j]` is ECG i with text j."""
    if not s:
        return 0.0
    ecgs, texts, hard = range(len(s)), range(len(s[0])), range(len(owner))
    of_ecgs = []
    for i in ecgs:
        bottom = sum(math.exp(s[i][j]) for j in texts if not implied[i][j])
        bottom += sum(math.exp(wrong[i][n]) for n in hard if wrong_of[i][n])
        mine = [j for j in texts if true[i][j]]
        of_ecgs.append(sum(-math.log(math.exp(s[i][j]) / bottom) for j in mine) / len(mine))
    of_texts = []
    for j in texts:
        mine = [i for i in ecgs if true[i][j]]
        if not mine:
            continue
        bottom = sum(math.exp(s[i][j]) for i in ecgs if not implied[i][j])
        for n in hard:
            if true[owner[n]][j]:
                bottom += sum(math.exp(wrong[i][n]) for i in ecgs if wrong_of[i][n])
        of_texts.append(sum(-math.log(math.exp(s[i][j]) / bottom) for i in mine) / len(mine))
    return (sum(of_ecgs) / len(of_ecgs) + sum(of_texts) / len(of_texts)) / 2


def world(ecgs, texts, hard, dtype=torch.float32):
    torch.manual_seed(ecgs + texts + hard)
    similarity = torch.randn(ecgs, texts, dtype=dtype, requires_grad=True)
    true = torch.rand(ecgs, texts) < 0.3
    true[:, 0] |= ~true.any(dim=1)
    if texts > 2:
        true[:, 2] = False  # a text that no ECG of the batch has
    true[:, 0] |= ~true.any(dim=1)
    implied = (torch.rand(ecgs, texts) < 0.3) & ~true
    wrong = torch.randn(ecgs, hard, dtype=dtype, requires_grad=True)
    owner = torch.randint(0, max(1, ecgs), (hard,))
    wrong_of = torch.rand(ecgs, hard) < 0.6
    wrong_of[owner, torch.arange(hard)] = True
    return similarity, true, implied, wrong, wrong_of, owner


@pytest.mark.parametrize("of", [(6, 9, 5), (6, 9, 0), (1, 1, 2), (1, 4, 0), (5, 2, 3), (0, 4, 0)])
def test_the_loss_is_the_loop_s(of):
    similarity, true, implied, wrong, wrong_of, owner = world(*of)
    loss = bank_loss(similarity, true, implied, wrong=wrong, wrong_of=wrong_of, owner=owner)
    expected = slow_bank_loss(*(each.tolist() for each in (similarity, true, implied, wrong, wrong_of, owner)))
    assert loss.item() == pytest.approx(expected, rel=1e-5, abs=1e-6)
    loss.backward()
    assert similarity.grad.isfinite().all()


def test_the_gradient_is_that_of_finite_differences():
    similarity, true, implied, wrong, wrong_of, owner = world(4, 6, 3, torch.float64)

    def loss(similarity, wrong):
        return bank_loss(similarity, true, implied, wrong=wrong, wrong_of=wrong_of, owner=owner)

    assert torch.autograd.gradcheck(loss, (similarity, wrong))


def test_an_ecg_is_pulled_to_all_it_says_and_pushed_from_all_else_but_what_is_implied():
    true = torch.tensor([[True, True, False, False]])
    implied = torch.tensor([[False, False, True, False]])
    similarity = torch.zeros(1, 4, requires_grad=True)
    none = torch.zeros(1, 0)
    owner = torch.zeros(0, dtype=torch.long)
    bank_loss(similarity, true, implied, wrong=none, wrong_of=none.bool(), owner=owner).backward()
    assert torch.sign(similarity.grad)[0].tolist() == [-1, -1, 0, 1]


def test_the_hottest_similarities_stay_finite():
    similarity = torch.full((3, 4), -100.0).fill_diagonal_(100.0).requires_grad_()
    true, nothing = torch.eye(3, 4, dtype=torch.bool), torch.zeros(3, 4, dtype=torch.bool)
    loss = bank_loss(
        similarity,
        true,
        nothing,
        wrong=torch.full((3, 1), 100.0),
        wrong_of=torch.ones(3, 1, dtype=torch.bool),
        owner=torch.tensor([2]),
    )
    assert loss.isfinite() and torch.autograd.grad(loss, similarity)[0].isfinite().all()
