"""Two processes with half of the batch each learn what one process learns from all of it."""

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from ml.paradigms import processes
from ml.paradigms.captions import Pairs
from ml.paradigms.clip import clip_loss

PAIRS, HARD = 7, 4  # 4 and 3 pairs, 3 and 1 hard negatives: no two processes have equally many
SPLIT, OWNERS = 4, torch.tensor([0, 1, 3, 5])


class Towers(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.ecg, self.text = nn.Linear(5, 8), nn.Linear(6, 8)
        self.log_scale = nn.Parameter(torch.tensor(1.0))
        self.bias = nn.Parameter(torch.tensor(-1.0))

    def forward(self, ecgs, texts, hard, owner, targets):
        drawn = Pairs(*(np.zeros(0, np.int64),) * 3, owner.numpy())._replace(rows=np.zeros(len(ecgs), np.int64))
        owner = torch.from_numpy(Pairs.joined(processes.everyone(drawn)).owner)
        ecgs, texts, hard = (
            processes.gather(nn.functional.normalize(tower(each), dim=1))
            for tower, each in ((self.ecg, ecgs), (self.text, texts), (self.text, hard))
        )
        scale, bias = processes.shared(self.log_scale.exp()), processes.shared(self.bias)
        similarity, wrong = (scale * ecgs @ each.T + bias for each in (texts, hard))
        true, wrong_of = facts()
        assert owner.tolist() == OWNERS.tolist()
        return processes.summed(clip_loss(similarity, true, targets, wrong, wrong_of, owner))


def facts():
    torch.manual_seed(1)
    true, wrong_of = torch.rand(PAIRS, PAIRS) < 0.3, torch.rand(PAIRS, HARD) < 0.7
    true.fill_diagonal_(True)
    wrong_of[OWNERS, torch.arange(HARD)] = True
    return true, wrong_of


def inputs():
    torch.manual_seed(2)
    return torch.randn(PAIRS, 5), torch.randn(PAIRS, 6), torch.randn(HARD, 6)


def gradients(model):
    return {name: weight.grad.clone() for name, weight in model.named_parameters()}


TARGETS = ["diagonal", "masked", "multi_positive", "sigmoid"]


def half(rank, address, results):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{address}", rank=rank, world_size=2)
    said = {}
    for targets in TARGETS:
        towers = Towers()
        model = DistributedDataParallel(towers)
        ecgs, texts, hard = inputs()
        mine = slice(None, SPLIT) if rank == 0 else slice(SPLIT, None)
        hards, shift = (slice(None, 3), 0) if rank == 0 else (slice(3, None), SPLIT)
        loss = model(ecgs[mine], texts[mine], hard[hards], OWNERS[hards] - shift, targets)
        loss.backward()
        said[targets] = (loss.item(), gradients(towers))
    torch.save(said, f"{results}/{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    torch.multiprocessing.spawn(half, (str(folder / "meeting"), str(folder)), nprocs=2)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.mark.parametrize("targets", TARGETS)
def test_loss_and_gradient_are_those_of_one_process(halves, targets):
    whole = Towers()
    loss = whole(*inputs(), OWNERS, targets)
    loss.backward()
    for rank in range(2):
        value, gradient = halves[rank][targets]
        assert value == pytest.approx(loss.item(), rel=1e-5)
        for name, expected in gradients(whole).items():
            torch.testing.assert_close(gradient[name], expected, rtol=1e-4, atol=1e-6, msg=name)


def test_joining_keeps_hard_negatives_with_their_pairs():
    one = Pairs(np.array([10, 11]), np.array([1, 2]), np.array([5]), np.array([1]))
    none = Pairs(*(np.zeros(0, np.int64),) * 4)
    two = Pairs(np.array([20]), np.array([3]), np.array([6, 7]), np.array([0, 0]))
    joined = Pairs.joined([one, none, two])
    assert joined.rows.tolist() == [10, 11, 20]
    assert joined.rows[joined.owner].tolist() == [11, 20, 20]
    assert joined.wrong.tolist() == [5, 6, 7]
