import numpy as np
import torch

from ml.networks.ecg import EcgNetwork
from ml.networks.resnet1d import PRESETS
from ml.training import statistics


def test_the_statistics_become_those_of_the_windows_given(monkeypatch):
    monkeypatch.setattr(statistics, "MOST_WINDOWS", 12)
    monkeypatch.setattr(statistics, "BATCH", 4)
    torch.manual_seed(0)
    network, windows = EcgNetwork(PRESETS["tiny"], 3), torch.randn(30, 12, 400)
    for _ in range(3):
        network(5 * torch.randn(8, 12, 400))  # what a batch of something else leaves
    read = []
    statistics.re_estimate(network, lambda rows: read.append(rows) or windows[rows], np.arange(30))
    rows = np.concatenate(read)
    assert (len(rows), rows[0], rows[-1], len(set(rows.tolist()))) == (12, 0, 29, 12)

    convolution, normal = network.encoder[0], network.encoder[1]
    seen = convolution(windows[rows])
    torch.testing.assert_close(normal.running_mean, seen.mean(dim=(0, 2)), rtol=1e-4, atol=1e-5)
    by_part = torch.stack([convolution(windows[part]).var(dim=(0, 2)) for part in read])
    torch.testing.assert_close(normal.running_var, by_part.mean(dim=0), rtol=1e-4, atol=1e-5)
    assert normal.momentum == 0.1
    assert not network.training
