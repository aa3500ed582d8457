import pytest
import torch
from torch import nn

from ml.training.average import Average


def test_the_average_is_the_recursion_and_lends_its_place():
    model = nn.Linear(1, 1, bias=False).double()
    average, expected = Average(model, 0.5), model.weight.item()
    for step in range(20):
        with torch.no_grad():
            model.weight.fill_(step)
        average.add(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    with average.in_place():
        assert model.weight.item() == pytest.approx(expected)
    assert model.weight.item() == 19

    other = nn.Linear(1, 1, bias=False).double()
    again = Average(other, 0.5)
    again.load(average.state())
    with again.in_place():
        assert other.weight.item() == pytest.approx(expected)
