"""The graph computes what torch computes; in integers it computes what slow integer arithmetic does."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from ml.networks.beatnet import BEAT_PRESETS, BeatNet
from ml.networks.ecg import EcgNetwork, can_be_a_graph
from ml.networks.onnx_graph import LOGITS, WINDOW, Graph, Session, observe, session
from ml.networks.resnet1d import PRESETS, Architecture


def trained(made_from, outputs=5, seed=0):
    """A network whose batch normalisation has seen windows: weights are random, activations are of a usual size."""
    torch.manual_seed(seed)
    network = EcgNetwork(made_from, outputs).train()
    with torch.no_grad():
        for _ in range(10):
            network(torch.from_numpy(windows(8, seed)))
    return network.eval()


def windows(count, seed=0):
    rng = np.random.default_rng(seed)
    walk = rng.standard_normal((count, 12, 2500)).cumsum(-1)
    return ((walk - walk.mean(-1, keepdims=True)) / walk.std(-1, keepdims=True)).astype(np.float32)


def torch_says(network, given):
    with torch.inference_mode():
        return network(torch.from_numpy(given)).numpy()


@pytest.mark.parametrize("made_from", [PRESETS["tiny"], Architecture((2, 1), 8)])
def test_in_floats_it_says_what_torch_says(made_from):
    network, given = trained(made_from), windows(6, seed=1)
    graph = session(network, 2500)
    assert np.array([graph(window) for window in given]) == pytest.approx(torch_says(network, given), abs=1e-5)


def test_clip_s_head_of_several_layers_is_in_it():
    network = trained(PRESETS["tiny"])
    width = network.features
    network.head = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 7))
    given = windows(2, seed=2)
    graph = session(network, 2500)
    assert np.array([graph(window) for window in given]) == pytest.approx(torch_says(network, given), abs=1e-5)


def test_in_integers_it_stays_close():
    network, given = trained(PRESETS["tiny"]), windows(40, seed=3)
    graph = session(network, 2500, observe(network, given[:20]))
    exact = torch_says(network, given[20:])
    near = np.array([graph(window) for window in given[20:]])
    assert 0 < np.abs(near - exact).max() < 0.5 * exact.std(axis=0).max()


def test_a_convolution_in_integers_is_the_slow_one():
    """One convolution with the stem's shape, against sums of Python's whole numbers."""
    conv, normal = nn.Conv1d(12, 3, 7, 2, padding=3, bias=False), nn.BatchNorm1d(3).eval()
    window, steps = windows(1, seed=4)[0, :, :40], 255
    graph = Graph({WINDOW: (-4.0, 4.0), LOGITS: (-3.0, 3.0)})
    graph.node("Identity", [graph.convolution(graph.rounded(WINDOW), "out", conv, normal)], LOGITS)
    [found] = Session(graph.finish(40, [LOGITS])).all_of(window)

    scale = np.float32(8 / steps)
    whole = np.clip(np.rint(window / scale) + 128, 0, steps).astype(int) - 128
    padded = np.pad(whole, ((0, 0), (3, 3)))
    factor = 1 / np.sqrt(1 + normal.eps)
    for channel, weight in enumerate(conv.weight.detach().numpy() * factor):
        weight_scale = np.abs(weight).max() / 63
        weight_8 = np.rint(weight / weight_scale).astype(int)
        for place in range(20):
            total = sum(
                int(a) * int(b)
                for a, b in zip(weight_8.ravel(), padded[:, 2 * place : 2 * place + 7].ravel(), strict=True)
            )
            assert found[0, channel, place] == pytest.approx(total * weight_scale * scale, abs=1e-4)


def test_ranges_that_do_not_fit_are_refused():
    network = trained(PRESETS["tiny"])
    ranges = observe(network, windows(2))
    with pytest.raises(ValueError, match="the range of stem is missing"):
        session(network, 2500, {name: each for name, each in ranges.items() if name != "stem"})
    with pytest.raises(ValueError, match="no tensor elsewhere"):
        session(network, 2500, {**ranges, "elsewhere": (0.0, 1.0)})
    with pytest.raises(ValueError, match="no window"):
        observe(network, [])


def test_several_threads_may_ask_and_get_the_same_bits():
    network, given = trained(PRESETS["tiny"]), windows(12, seed=5)
    graph = session(network, 2500, observe(network, given))
    alone = [graph(window) for window in given]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(graph, [*given, *given]))
    assert np.array_equal([*alone, *alone], together)


def test_other_networks_are_not_taken():
    assert can_be_a_graph(trained(PRESETS["tiny"]))
    assert not can_be_a_graph(BeatNet(BEAT_PRESETS["starter_tiny"], 3))
