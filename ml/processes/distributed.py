"""One loss over several processes: what is gathered, and which process has the gradient of what.

Every process computes the whole loss on the embeddings of all processes. Only its own embeddings carry a gradient, so
the sum of the processes' gradients is the gradient of one process with the whole batch. `DistributedDataParallel` takes
the mean of the gradients; `scale_for_sum` makes it their sum. A weight that the loss uses directly (the temperature)
has the whole gradient in every process; `divide_gradient` divides it. In a single process these change nothing.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import NoReturn, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor


def count() -> int:
    """Return the number of processes."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return the index of this process, from 0."""
    return dist.get_rank() if count() > 1 else 0


def barrier() -> None:
    """Wait until every process is here."""
    if count() > 1:
        dist.barrier()


def local_rank() -> int:
    """Return the index of this process on its machine, which is the index of its GPU."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def one_of_several() -> bool:
    """Return whether `torchrun` started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextlib.contextmanager
def joined(device: str | None = None) -> Iterator[None]:
    """Join the processes that `torchrun` started, to train on this torch device. Without `torchrun` do nothing."""
    if not one_of_several() or dist.is_initialized():
        yield
        return
    on_gpus = torch.cuda.is_available() and not (device or "").startswith("cpu")
    dist.init_process_group("nccl" if on_gpus else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def end_process() -> NoReturn:
    """End this process with success, without taking the interpreter down.

    A thread of torch that still wants the interpreter's lock while the interpreter is being taken down is ended by
    Python, and C++ then aborts the process: SIGABRT, "terminate called without an active exception". In 2 of 15 runs on
    a busy machine this met the process that finishes first, and failed the whole run. Everything is on disk by now.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


Value = TypeVar("Value")


def all_gather_values(value: Value) -> list[Value]:
    """Return the value of every process, in the order of their ranks."""
    values = [value] * count()
    if count() > 1:
        dist.all_gather_object(values, value)
    return values


def all_gather_rows(embeddings: Tensor) -> Tensor:
    """Return the rows (k, d) of every process, concatenated by rank. Each process may have another k."""
    if count() == 1:
        return embeddings
    sizes = [torch.zeros(1, dtype=torch.long, device=embeddings.device) for _ in range(count())]
    dist.all_gather(sizes, sizes[0].new_tensor([len(embeddings)]))
    longest = max(int(size) for size in sizes)
    padded = embeddings.new_zeros(longest, embeddings.shape[1])
    padded[: len(embeddings)] = embeddings.detach()
    gathered = [torch.empty_like(padded) for _ in sizes]
    dist.all_gather(gathered, padded)
    parts = [part[: int(size)] for part, size in zip(gathered, sizes, strict=True)]
    parts[dist.get_rank()] = embeddings
    return torch.cat(parts)


def divide_gradient(weight: Tensor) -> Tensor:
    """Return a weight that the loss of every process uses: the same value, its gradient divided by the processes."""
    return weight if count() == 1 else weight.detach() + (weight - weight.detach()) / count()


def scale_for_sum(loss: Tensor) -> Tensor:
    """Return the loss: the same value, its gradient scaled so that the mean over processes is the sum."""
    return loss if count() == 1 else loss.detach() + (loss - loss.detach()) * count()
