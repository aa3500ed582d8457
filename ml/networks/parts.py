"""A batch through an encoder in parts, with the memory of one part and the gradient of the whole."""

import contextlib
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def in_parts(model: nn.Module, encode: Callable[[Tensor], Tensor], inputs: Tensor, parts: int) -> Tensor:
    """Return what `encode` makes of the inputs, (n, …), a part after the other; `model` has its weights and buffers.

    Each part's activations are forgotten and computed again when its gradient comes, with the same random numbers. So a
    loss that compares all of a batch has the gradient of all (Gao et al. 2021, GradCache), for a third more work.
    Batch normalisation sees a part at a time; the second computation leaves its statistics alone.
    """
    if parts == 1 or len(inputs) < 2:
        return encode(inputs)

    def contexts() -> tuple[contextlib.AbstractContextManager[None], contextlib.AbstractContextManager[None]]:
        return contextlib.nullcontext(), _kept_buffers(model)

    return torch.cat(
        [
            checkpoint(encode, part, use_reentrant=False, context_fn=contexts)
            for part in inputs.tensor_split(min(parts, len(inputs)))
        ]
    )


@contextlib.contextmanager
def _kept_buffers(model: nn.Module) -> Iterator[None]:
    before = [(buffer, buffer.clone()) for buffer in model.buffers()]
    try:
        yield
    finally:
        for buffer, value in before:
            buffer.copy_(value)
