"""What computes a network's outputs for windows, so that a window's outputs depend on nothing but the window.

The sum of many floating-point numbers depends on the order in which they are added, and libraries choose the order by
the size of a batch and by the number of threads. So every window is computed in one shape and by one thread: on a
processor alone, several windows beside each other in threads of their own; on a GPU in batches that are always full.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ml.bundles.bundle import InvalidBundle
from ml.bundles.network import Model, encoder_of
from ml.networks.beatnet import BeatNet
from ml.networks.ecg import EcgNetwork, can_be_a_graph

GPU_BATCH = 64
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_AT_ONCE = 1024  # windows that wait for a thread

Windows = NDArray[Any]
Outputs = NDArray[np.float64]
Engine = Callable[[Windows, NDArray[np.int64]], Outputs]
"""Windows (n, 12, samples) and the numbers of some of them → what the ECG network says of each, (rows, outputs)."""


def engine_for(
    model: Model | BeatNet, device: torch.device, samples: int, ranges: Mapping[str, tuple[float, float]] | None
) -> Engine:
    """Return what computes a model's outputs (a CLIP model's: the embeddings before they are unit vectors).

    A ResNet on a processor is run as an ONNX graph, in 8-bit integers where `ranges` are given; everything else is run
    by torch.
    """
    network: nn.Module = model if isinstance(model, BeatNet) else encoder_of(model)
    if device.type != "cpu":
        return _OnGpu(network, device)
    if isinstance(network, EcgNetwork) and can_be_a_graph(network):
        from ml.networks.onnx_graph import session  # a process that needs no graph starts sooner

        try:
            return _OneByOne(session(network, samples, ranges), threads=CORES)
        except ValueError as error:
            raise InvalidBundle(f"the network in integers does not fit: {error}") from error
    return _OneByOne(_Eager(network), threads=1)  # torch's number of threads is one for the whole process


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute in one thread while the block runs."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _OneByOne:
    """Asks about one window at a time, in several threads."""

    def __init__(self, ask: Callable[[NDArray[np.float32]], NDArray[np.float32]], *, threads: int) -> None:
        self._ask = ask
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="windows") if threads > 1 else None

    def __call__(self, windows: Windows, rows: NDArray[np.int64]) -> Outputs:
        def of_row(row: int) -> NDArray[np.float32]:
            return self._ask(np.ascontiguousarray(windows[row], np.float32))

        found: list[NDArray[np.float32]] = []
        for start in range(0, len(rows), _AT_ONCE):
            part = rows[start : start + _AT_ONCE].tolist()
            found += map(of_row, part) if self._threads is None or len(part) == 1 else self._threads.map(of_row, part)
        return np.stack(found).astype(np.float64)


class _Eager:
    """A network run by torch."""

    def __init__(self, network: nn.Module) -> None:
        self._network = network

    def __call__(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        with one_thread(), torch.inference_mode():
            outputs: NDArray[np.float32] = self._network(torch.from_numpy(window[None])).float().numpy()[0]
        return outputs


class _OnGpu:
    """A network on a GPU. Batches are filled up with zeros, so that all are computed by the same kernels."""

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        self._network, self._device = network, device

    def __call__(self, windows: Windows, rows: NDArray[np.int64]) -> Outputs:
        found = []
        with torch.inference_mode():
            for start in range(0, len(rows), GPU_BATCH):
                part = torch.from_numpy(windows[rows[start : start + GPU_BATCH]])
                batch = torch.zeros((GPU_BATCH, *part.shape[1:]), device=self._device)
                batch[: len(part)] = part.to(self._device)
                found.append(self._network(batch)[: len(part)].double().cpu().numpy())
        return np.concatenate(found)
