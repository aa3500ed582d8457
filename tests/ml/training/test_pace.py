import math

import pytest

from ml.training.configuration import Config
from ml.training.pace import Pace

ROWS = 100  # seven steps an epoch of batches of 16


@pytest.fixture
def pace(store_folder):
    return lambda **given: Pace(Config(dataset=store_folder, batch_size=16, **given), ROWS)


@pytest.mark.parametrize(
    ("given", "total", "epochs"),
    [
        ({"epochs": 3}, 21, 3),
        ({"epochs": 3, "max_steps": 9}, 9, 2),
        ({"epochs": 3, "max_steps": 400}, 21, 3),
        ({"epochs": 3, "min_steps": 9}, 21, 3),
        ({"epochs": 3, "min_steps": 400}, 400, 58),
        ({"epochs": 3, "min_steps": 40, "max_steps": 50}, 40, 6),
    ],
)
def test_a_run_has_its_epochs_between_the_least_and_the_most_steps(pace, given, total, epochs):
    assert (pace(**given).total, pace(**given).epochs) == (total, epochs)


def test_the_rate_rises_in_a_line_and_falls_in_a_cosine_over_the_steps_of_the_run(pace):
    run = pace(epochs=100, max_steps=30, warmup_steps=10)
    rates = [run.rate(step) for step in range(31)]
    assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert rates[10:] == pytest.approx([(1 + math.cos(math.pi * step / 20)) / 2 for step in range(21)])
    assert pace(epochs=1).rate(0) == 1


def test_a_warm_up_longer_than_the_run_leaves_half_of_it(pace):
    run = pace(epochs=1, max_steps=6, warmup_steps=50)
    assert [run.rate(step) for step in range(4)] == pytest.approx([1 / 3, 2 / 3, 1, 1])


def test_contrastive_runs_have_a_start_of_their_own(store_folder):
    """A fresh transformer at the encoder's rate unlearns, and few steps teach nothing."""
    for preset in ("laptop", "test", "tiny"):
        config = Config(dataset=store_folder, paradigm="negclip", preset=preset)
        assert (config.warmup_steps, config.text_learning_rate, config.min_steps) == (50, 5e-4, 400)
        assert config.learning_rate == (3e-3 if config.encoder == "tiny" else 1e-3)
        labelled = Config(dataset=store_folder, preset=preset)
        assert (labelled.warmup_steps, labelled.text_learning_rate, labelled.min_steps) == (0, None, 0)
    paper = Config(dataset=store_folder, paradigm="clip")
    assert (paper.warmup_steps, paper.text_learning_rate, paper.min_steps, paper.learning_rate) == (0, None, 0, 1e-4)


def test_a_length_that_is_said_is_the_run_s(store_folder):
    def least(**said):
        return Config(dataset=store_folder, paradigm="clip", preset="laptop", **said).min_steps

    assert (least(patience=3), least(epochs=2), least(max_steps=9), least(epochs=2, min_steps=7)) == (400, 0, 0, 7)
