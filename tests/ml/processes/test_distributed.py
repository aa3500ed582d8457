"""Two processes with half of the batch each learn what one process learns from all of it, and one what the loop says."""

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from ml.paradigms.captions import DrawnTexts, Pairs
from ml.paradigms.losses import clip
from ml.paradigms.losses.clip import ClipParadigm
from ml.paradigms.paradigm import Batch
from ml.processes import distributed
from tests.ml.paradigms.test_bank import slow_bank_loss
from tests.ml.paradigms.test_clip import TARGETS, slow_loss

# the text of each of nine ECGs, -1 where nothing is said, and its hard negatives: no process has as many as the other
OWN = [0, 1, 0, -1, 2, 3, 1, -1, 4]
WRONG = [[5], [2, 6], [], [], [5], [], [], [], [6]]
ECGS, TEXTS, SPLIT = len(OWN), 7, 4
BANK = [0, 3]


class Model(nn.Module):
    """Two linear towers in the place of networks."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.ecg, self.text = nn.Linear(5, 8), nn.Embedding(TEXTS, 8)
        self.log_scale = nn.Parameter(torch.tensor(1.0))
        self.bias = nn.Parameter(torch.tensor(-1.0))

    def encode_ecgs(self, windows):
        return nn.functional.normalize(self.ecg(windows), dim=1)

    def encode_texts(self, tokens):
        return nn.functional.normalize(self.text(tokens), dim=1)

    def scale(self):
        return self.log_scale.exp()

    def clamp_temperature(self):
        pass


class Captions:
    """What is said of the nine ECGs, beside tables of what is true and wrong of them."""

    def __init__(self):
        rng = np.random.default_rng(1)
        self.table = rng.choice(["said", "implied", "wrong"], (ECGS, TEXTS), p=[0.2, 0.2, 0.6])
        for row in range(ECGS):
            if OWN[row] >= 0:
                self.table[row, OWN[row]] = "said"
            self.table[row, WRONG[row]] = "wrong"

    def draw(self, rows, hard_negatives):
        places = np.array([place for place, row in enumerate(rows) if OWN[row] >= 0], np.int64)
        own = [OWN[row] for row in rows[places]]
        wrong = [(text, pair) for pair, row in enumerate(rows[places]) for text in WRONG[row] if hard_negatives]
        texts, place = np.unique(np.array([*own, *(text for text, _ in wrong)], np.int64), return_inverse=True)
        owner = np.array([pair for _, pair in wrong], np.int64)
        return DrawnTexts(places, texts, place[: len(own)], place[len(own) :], owner, rows[places])

    def all_of(self, rows):
        return np.flatnonzero((self.table[rows] == "said").any(axis=0))

    def true(self, rows, texts):
        return self.table[np.ix_(rows, texts)] == "said"

    def follow(self, rows, texts):
        return self.table[np.ix_(rows, texts)] == "implied"

    def wrong_of(self, rows, texts):
        return self.table[np.ix_(rows, texts)] == "wrong"


class Numbers:
    def padded(self, numbers, device):
        return torch.tensor(np.asarray(numbers))


class Loss(nn.Module):
    def __init__(self, targets):
        super().__init__()
        self.model = Model()
        self._paradigm = ClipParadigm(
            self.model, Captions(), Numbers(), [], targets=targets, bank=np.array(BANK) if targets == "bank" else None
        )
        self._paradigm.hard_negatives = True

    def forward(self, rows):
        return self._paradigm.loss(Batch(rows, windows()[rows], torch.empty(0), torch.empty(0))).loss


def windows():
    torch.manual_seed(2)
    return torch.randn(ECGS, 5)


def gradients(model):
    return {name: weight.grad.clone() for name, weight in model.named_parameters()}


def unchanged(each):
    return each


def half(rank, address, results):
    torch.set_num_threads(1)
    clip.weak = unchanged
    dist.init_process_group("gloo", init_method=f"file://{address}", rank=rank, world_size=2)
    rows = np.arange(ECGS)
    halves = {"split": [rows[:SPLIT], rows[SPLIT:]], "alone": [rows[[3, 7]], rows]}  # nothing is said of 3 and 7
    said = {}
    for targets in [*TARGETS, "bank"]:
        for name, parts in halves.items():
            loss = Loss(targets)
            model = DistributedDataParallel(loss)
            value = model(parts[rank])
            value.backward()
            said[f"{targets}, {name}"] = (value.item(), gradients(loss.model))
    torch.save(said, f"{results}/{rank}.pt")
    dist.destroy_process_group()
    distributed.end_process()


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    torch.multiprocessing.spawn(half, (str(folder / "meeting"), str(folder)), nprocs=2)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.mark.parametrize("split", ["split", "alone"])
@pytest.mark.parametrize("targets", [*TARGETS, "bank"])
def test_loss_and_gradient_are_those_of_one_process(both, targets, split, monkeypatch):
    monkeypatch.setattr(clip, "weak", unchanged)
    whole = Loss(targets)
    loss = whole(np.arange(ECGS))
    loss.backward()
    for rank in range(2):
        value, gradient = both[rank][f"{targets}, {split}"]
        assert value == pytest.approx(loss.item(), rel=1e-5)
        for name, expected in gradients(whole.model).items():
            torch.testing.assert_close(gradient[name], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("targets", TARGETS)
def test_a_batch_s_loss_is_the_loop_s(targets, monkeypatch):
    monkeypatch.setattr(clip, "weak", unchanged)
    loss, table = Loss(targets), Captions().table
    model, ecgs = loss.model, [row for row in range(ECGS) if OWN[row] >= 0]
    with torch.no_grad():
        towers = model.encode_ecgs(windows()), model.encode_texts(torch.arange(TEXTS))
        every = (model.scale() * towers[0] @ towers[1].T + model.bias).tolist()
    hard = [(text, pair) for pair, row in enumerate(ecgs) for text in WRONG[row]]
    expected = slow_loss(
        [[every[i][OWN[j]] for j in ecgs] for i in ecgs],
        [[table[i, OWN[j]] == "said" for j in ecgs] for i in ecgs],
        targets,
        [[every[i][text] for text, _ in hard] for i in ecgs],
        [[table[i, text] == "wrong" for text, _ in hard] for i in ecgs],
        [pair for _, pair in hard],
        [[table[i, OWN[j]] == "implied" for j in ecgs] for i in ecgs],
    )
    assert loss(np.arange(ECGS)).item() == pytest.approx(expected, rel=1e-5)


def test_a_batch_s_loss_against_the_bank_is_the_loop_s(monkeypatch):
    monkeypatch.setattr(clip, "weak", unchanged)
    loss, table = Loss("bank"), Captions().table
    model, ecgs = loss.model, [row for row in range(ECGS) if OWN[row] >= 0]
    hard = [(text, pair) for pair, row in enumerate(ecgs) for text in WRONG[row]]
    texts = sorted({*BANK, *Captions().all_of(np.array(ecgs)).tolist(), *(text for text, _ in hard)})
    with torch.no_grad():
        towers = model.encode_ecgs(windows()), model.encode_texts(torch.arange(TEXTS))
        every = (model.scale() * towers[0] @ towers[1].T + model.bias).tolist()
    expected = slow_bank_loss(
        [[every[i][text] for text in texts] for i in ecgs],
        [[table[i, text] == "said" for text in texts] for i in ecgs],
        [[table[i, text] == "implied" for text in texts] for i in ecgs],
        [[every[i][text] for text, _ in hard] for i in ecgs],
        [[table[i, text] == "wrong" for text, _ in hard] for i in ecgs],
        [pair for _, pair in hard],
    )
    assert loss(np.arange(ECGS)).item() == pytest.approx(expected, rel=1e-5)


def test_joining_keeps_hard_negatives_with_their_pairs():
    one = Pairs(np.array([10, 11]), np.array([1, 2]), np.array([5]), np.array([1]))
    none = Pairs(*(np.zeros(0, np.int64),) * 4)
    two = Pairs(np.array([20]), np.array([3]), np.array([6, 7]), np.array([0, 0]))
    joined = Pairs.joined([one, none, two])
    assert joined.rows.tolist() == [10, 11, 20]
    assert joined.rows[joined.owner].tolist() == [11, 20, 20]
    assert joined.wrong.tolist() == [5, 6, 7]


def test_a_lone_process_gathers_itself():
    assert distributed.count() == 1
    rows = torch.randn(2, 3)
    assert distributed.all_gather_rows(rows) is rows
