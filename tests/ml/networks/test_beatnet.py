"""The network that measures: its forest against a slow walk, and each window for itself."""

import numpy as np
import torch

from ml.measurements import MEASUREMENTS, measure
from ml.networks.beatnet import BEAT_PRESETS, FOREST_MEASUREMENTS, BeatNet, views
from ml.networks.forest import Forest


def test_the_forest_walks_as_a_loop_over_nodes_does() -> None:
    rng = np.random.default_rng(0)
    forest = Forest(outputs=3, trees=5, nodes=7, depth=3)
    for output in range(3):
        for tree in range(5):
            _random_tree(forest, output, tree, rng)
    forest.start.copy_(torch.from_numpy(rng.standard_normal(3)))
    measurements = torch.from_numpy(rng.standard_normal((20, 4)).astype(np.float32))
    expected = [[_slow(forest, output, row) for output in range(3)] for row in measurements]
    assert torch.allclose(forest(measurements), torch.tensor(expected), atol=1e-5)


def _random_tree(forest: Forest, output: int, tree: int, rng: np.random.Generator) -> None:
    """Nodes 0, 1 and 2 split (2 only sometimes); every other is a leaf."""
    splits = {0: (1, 2), 1: (3, 4), **({2: (5, 6)} if rng.random() < 0.5 else {})}
    for node in range(7):
        forest.branch[output, tree, node] = torch.tensor(splits.get(node, (node, node)), dtype=torch.int16)
        forest.feature[output, tree, node] = int(rng.integers(4))
        forest.threshold[output, tree, node] = float(rng.standard_normal())
        forest.value[output, tree, node] = float(rng.standard_normal())


def _slow(forest: Forest, output: int, row: torch.Tensor) -> float:
    total = float(forest.start[output])
    for tree in range(forest.feature.shape[1]):
        node = 0
        while int(forest.branch[output, tree, node, 0]) != node:
            greater = row[int(forest.feature[output, tree, node])] > forest.threshold[output, tree, node]
            node = int(forest.branch[output, tree, node, int(greater)])
        total += float(forest.value[output, tree, node])
    return total


def test_a_window_s_logits_do_not_depend_on_its_batch() -> None:
    torch.manual_seed(0)
    net = BeatNet(BEAT_PRESETS["starter_tiny"], 3).eval()
    windows = torch.randn(4, 12, 2500)
    with torch.inference_mode():
        together = net(windows)
        apart = torch.cat([net(window[None]) for window in windows])
    assert together.shape == (4, 3)
    assert torch.allclose(together, apart, atol=1e-5)


def test_no_window_gives_no_logits() -> None:
    measurements, beats, strips = views(np.empty((0, 12, 2500), np.float32))
    assert (len(measurements), beats.shape, strips.shape) == (0, (0, 12, 125), (0, 12, 1000))


def test_a_forest_that_learnt_the_first_measurements_still_finds_them_there() -> None:
    """A model of an earlier release reads its measurements by number: what is new comes behind them."""
    window = np.random.default_rng(0).standard_normal((1, 12, 2500)).astype(np.float32)
    assert FOREST_MEASUREMENTS[: len(MEASUREMENTS)] == MEASUREMENTS
    assert np.array_equal(views(window)[0][0, : len(MEASUREMENTS)], measure(window[0]).values)
