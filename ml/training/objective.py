"""The loss as a module, the optimiser and the device, for one process or several."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from ml.bundles.network import encoder_of
from ml.networks.clip import Clip
from ml.networks.ecg import EcgNetwork, OwnEncoder
from ml.paradigms.paradigm import Batch, Outcome, Paradigm
from ml.processes import distributed
from ml.training.configuration import Config


class Objective(nn.Module):
    """A paradigm's loss as a module, so that `DistributedDataParallel` can wrap it."""

    def __init__(self, paradigm: Paradigm) -> None:
        super().__init__()
        self.model = paradigm.model
        self._paradigm = paradigm

    def forward(self, batch: Batch) -> Outcome:
        """Return the loss of a batch."""
        return self._paradigm.loss(batch)


def objective(paradigm: Paradigm, device: torch.device) -> nn.Module:
    """Return the loss as a module that shares its gradients. On a GPU a preset's encoder is compiled."""
    network = encoder_of(paradigm.model)
    if device.type == "cuda" and not isinstance(network.made_from, OwnEncoder) and _can_compile():
        compile_encoder(network)
    alone = Objective(paradigm)
    if distributed.count() == 1:
        return alone
    return DistributedDataParallel(alone, device_ids=None if device.index is None else [device.index])


def compile_encoder(network: EcgNetwork, backend: str | Callable[..., Any] = "inductor") -> None:
    """Compile an encoder as one graph. `Sequential.compile` would make a graph for each block."""
    network.encode = torch.compile(network.encode, backend=backend)  # type: ignore[method-assign]


def _can_compile() -> bool:
    """Return whether kernels can be compiled here: Triton needs a C compiler."""
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")
    if compiler and importlib.util.find_spec("triton"):
        return True
    print("there is no C compiler or no Triton: training continues without compiling, and slower", file=sys.stderr)  # noqa: T201
    return False


def optimizer(model: nn.Module, config: Config, device: torch.device) -> torch.optim.AdamW:
    """Return AdamW, with a group for the text tower if it has a rate of its own.

    Weight decay does not apply to the temperature and bias of contrastive losses.
    """
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    of_text: set[nn.Parameter] = set()
    if isinstance(model, Clip) and config.text_learning_rate is not None:
        of_text = set(model.text.parameters())
    text = {"lr": config.text_learning_rate, "names": ["text_learning_rate"]}
    groups: list[dict[str, Any]] = [
        {"params": [each for each in learning if each.ndim and each not in of_text], "names": ["learning_rate"]},
        {"params": [each for each in learning if not each.ndim], "weight_decay": 0.0, "names": []},
        {"params": [each for each in learning if each.ndim and each in of_text], **text},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        fused=device.type == "cuda",
    )


def gradient_norm(model: nn.Module, longest: float | None) -> torch.Tensor:
    """Return the norm of the gradient over all weights, on the device, and then make it no longer than `longest`."""
    weights = [each for each in model.parameters() if each.grad is not None]
    norm = torch.nn.utils.get_total_norm([each.grad for each in weights if each.grad is not None])
    if longest is not None:
        torch.nn.utils.clip_grads_with_norm_(weights, longest, norm)
    return norm


def choose_device(config: Config) -> torch.device:
    """Return the configured device, otherwise the GPU of this process, otherwise the CPU."""
    if config.device is not None:
        device = torch.device(config.device)
        if device.type == "cuda":
            if distributed.count() > 1:
                raise ValueError("device: each of several processes has a GPU of its own; leave it out")
            device = torch.device("cuda", device.index or 0)
    elif torch.cuda.is_available():
        device = torch.device("cuda", distributed.local_rank())
    else:
        device = torch.device("cpu")
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
        torch.cuda.set_device(device)
    return device


def same_statistics(model: nn.Module) -> None:
    """Copy the batch-normalisation statistics of the first process to the others, which have their own."""
    if distributed.count() > 1:
        for buffer in model.buffers():
            dist.broadcast(buffer, 0)
