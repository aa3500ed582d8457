import numpy as np
import pytest
import torch

from ml.corpus.store import Store
from ml.training import schedule
from ml.training.configuration import Config
from ml.training.schedule import Schedule, Unlabelled


@pytest.fixture
def config(store_folder, unlabelled_folder):
    def make(**options):
        given = {"preset": "tiny", "batch_size": 8, "seed": 5, **options}
        if given.get("paradigm") == "self_training":
            given["unlabelled"] = unlabelled_folder
        return Config(dataset=store_folder, **given)

    return make


ROWS = np.arange(100, 127)


def rows_of(step):
    return np.concatenate([part.rows for part in step])


def test_an_epoch_has_every_row_once_in_an_order_of_its_own(config):
    schedule = Schedule(config(), ROWS, None)
    epochs = [[rows_of(step) for step in schedule.epoch(epoch)] for epoch in range(2)]
    for epoch in epochs:
        assert [len(rows) for rows in epoch] == [8, 8, 8, 3]
        assert sorted(np.concatenate(epoch)) == ROWS.tolist()
    assert np.concatenate(epochs[0]).tolist() != np.concatenate(epochs[1]).tolist()


def test_an_epoch_begun_in_the_middle_goes_on_as_it_would_have(config):
    schedule = Schedule(config(accumulate=2), ROWS, None)
    whole, rest = list(schedule.epoch(4)), list(schedule.epoch(4, first=2))
    for expected, step in zip(whole[2:], rest, strict=True):
        assert rows_of(step).tolist() == rows_of(expected).tolist()
        assert [part.seed for part in step] == [part.seed for part in expected]
    seeds = [part.seed for epoch in (4, 5) for step in schedule.epoch(epoch) for part in step]
    assert len(set(seeds)) == len(seeds)


def test_a_batch_is_worked_through_in_parts(config):
    whole, parts = (list(Schedule(config(accumulate=k), ROWS, None).epoch(0)) for k in (1, 3))
    for one, several in zip(whole, parts, strict=True):
        assert rows_of(one).tolist() == rows_of(several).tolist()
    assert [[len(part.rows) for part in step] for step in parts] == [[3, 3, 2]] * 3 + [[1, 1, 1]]


def test_the_unlabelled_corpus_is_gone_through_again_and_again(config):
    made = config(paradigm="self_training", self_training={"batch_size": 7})
    unlabelled = Unlabelled(made, Store(made.dataset), torch.device("cpu"))
    rounds = np.concatenate([unlabelled.at(step, 0) for step in range(60)])
    count = len(unlabelled.rows)
    for start in range(0, len(rounds) - count, count):
        assert sorted(rounds[start : start + count]) == unlabelled.rows.tolist()
    assert rounds[:count].tolist() != rounds[count : 2 * count].tolist()
    for step in Schedule(made, ROWS, unlabelled).epoch(0):
        assert sum(len(part.unlabelled) for part in step) == 7


@pytest.mark.parametrize("count", [1, 2, 3])
def test_processes_share_a_step_evenly(config, monkeypatch, count):
    monkeypatch.setattr(schedule.distributed, "count", lambda: count)
    shares = []
    for rank in range(count):
        monkeypatch.setattr(schedule.distributed, "rank", lambda rank=rank: rank)
        shares.append(list(Schedule(config(), ROWS, None).epoch(0)))
    for step in zip(*shares, strict=True):
        sizes = {len(rows_of(share)) for share in step}
        assert len(sizes) == 1  # the first rows come twice rather than that one process has none
    seen = np.concatenate([rows_of(step) for share in shares for step in share])
    assert set(seen) == set(ROWS)
    assert len({step[0].seed for share in shares for step in share}) == 4 * count
