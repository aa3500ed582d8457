"""One loss over several processes: what is gathered, and whose gradient is whose.

Every process computes the whole loss on everyone's embeddings, of which its own alone carry a gradient. The sum of the
processes' gradients is then the gradient of one process with all of it. `DistributedDataParallel` takes their mean, so
`summed` makes it a sum; and a weight that the loss uses directly (the temperature) has the whole gradient in each
process, which `shared` divides. In one process all of these are the identity.
"""

import contextlib
import os
from collections.abc import Iterator
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor


def count() -> int:
    """Give the number of processes."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Give this process's number, from 0."""
    return dist.get_rank() if count() > 1 else 0


def barrier() -> None:
    """Wait until every process has come here."""
    if count() > 1:
        dist.barrier()


def local_rank() -> int:
    """Give this process's number on its machine: its GPU."""
    return int(os.environ.get("LOCAL_RANK", "0"))


@contextlib.contextmanager
def joined(device: str | None = None) -> Iterator[None]:
    """Join the processes that `torchrun` started, to train on what torch calls `device`; alone without it."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or dist.is_initialized():
        yield
        return
    on_gpus = torch.cuda.is_available() and not (device or "").startswith("cpu")
    dist.init_process_group("nccl" if on_gpus else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


Value = TypeVar("Value")


def everyone(value: Value) -> list[Value]:
    """Give every process's value, in their order."""
    values = [value] * count()
    if count() > 1:
        dist.all_gather_object(values, value)
    return values


def gather(embeddings: Tensor) -> Tensor:
    """Put everyone's rows, (k, d) with a k of each process's own, one process after the other."""
    if count() == 1:
        return embeddings
    sizes = [torch.zeros(1, dtype=torch.long, device=embeddings.device) for _ in range(count())]
    dist.all_gather(sizes, sizes[0].new_tensor([len(embeddings)]))
    longest = max(int(size) for size in sizes)
    padded = embeddings.new_zeros(longest, embeddings.shape[1])
    padded[: len(embeddings)] = embeddings.detach()
    everyone = [torch.empty_like(padded) for _ in sizes]
    dist.all_gather(everyone, padded)
    parts = [part[: int(size)] for part, size in zip(everyone, sizes, strict=True)]
    parts[dist.get_rank()] = embeddings
    return torch.cat(parts)


def shared(weight: Tensor) -> Tensor:
    """Give a weight that every process's loss uses: its value, with its share of the gradient."""
    return weight if count() == 1 else weight.detach() + (weight - weight.detach()) / count()


def summed(loss: Tensor) -> Tensor:
    """Give the loss: its value, with a gradient that a mean over processes turns into the sum."""
    return loss if count() == 1 else loss.detach() + (loss - loss.detach()) * count()
