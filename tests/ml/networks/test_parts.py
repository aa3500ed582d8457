import torch
from torch import nn

from ml.networks.parts import in_parts


def test_a_batch_in_parts_has_the_gradient_of_all_of_it_once():
    """Beside a loop that keeps every part: the same random numbers, statistics and gradient, of a loss over all."""
    found = []
    for remember in (True, False):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3)).double()
        inputs = torch.randn(10, 5, dtype=torch.float64)
        if remember:
            encoded = torch.cat([model(part) for part in inputs.tensor_split(4)])
        else:
            encoded = in_parts(model, model, inputs, 4)
        (encoded @ encoded.T).logsumexp(dim=1).sum().backward()
        found.append((encoded, [weight.grad for weight in model.parameters()], list(model.buffers())))
    torch.testing.assert_close(*found)


def test_only_one_part_is_remembered_at_a_time():
    model, sizes = nn.Linear(4, 7), []

    def encode(part):
        sizes.append(len(part))
        return model(part).relu()

    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda each: kept.append(each.shape) or each, lambda each: each):
        encoded = in_parts(model, encode, torch.randn(9, 4), 3)
        assert torch.Size([3, 7]) not in kept
    encoded.sum().backward()
    assert sizes == [3, 3, 3] * 2
