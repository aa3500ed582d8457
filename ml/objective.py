"""What is optimised, with what, and where: one process or several, a CPU or a GPU."""

from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from ml.configuration import Config
from ml.paradigms import Batch, Outcome, Paradigm, processes
from ml.paradigms.models import encoder_of


class Objective(nn.Module):
    """A paradigm's loss as a module, so that processes can share its gradients."""

    def __init__(self, paradigm: Paradigm) -> None:
        super().__init__()
        self.model = paradigm.model
        self._paradigm = paradigm

    def forward(self, batch: Batch) -> Outcome:
        """Give the loss of a batch."""
        return self._paradigm.loss(batch)


def objective(paradigm: Paradigm, device: torch.device) -> nn.Module:
    """Give the loss as a module, its encoder compiled where that pays (on a GPU), its gradients shared."""
    if device.type == "cuda":
        encoder_of(paradigm.model).encoder.compile()
    alone = Objective(paradigm)
    if processes.count() == 1:
        return alone
    return DistributedDataParallel(alone, device_ids=None if device.index is None else [device.index])


def optimizer(model: nn.Module, config: Config, device: torch.device) -> torch.optim.AdamW:
    """Give AdamW. Temperature and bias of contrastive losses are no weights to decay."""
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    weights = [parameter for parameter in learning if parameter.ndim > 0]
    groups: list[dict[str, Any]] = [{"params": weights}]
    if len(weights) < len(learning):
        others = [parameter for parameter in learning if parameter.ndim == 0]
        groups.append({"params": others, "weight_decay": 0.0})
    return torch.optim.AdamW(
        groups, lr=config.learning_rate, weight_decay=config.weight_decay, fused=device.type == "cuda"
    )


def choose_device(config: Config) -> torch.device:
    """Give the device that is asked for, else this process's GPU, else the CPU."""
    if config.device is not None:
        return torch.device(config.device)
    if not torch.cuda.is_available():
        return torch.device("cpu")
    torch.set_float32_matmul_precision("high")
    device = torch.device("cuda", processes.local_rank())
    torch.cuda.set_device(device)
    return device


def same_statistics(model: nn.Module) -> None:
    """Give every process the first one's batch-normalisation statistics, which it measured on its own share."""
    if processes.count() > 1:
        for buffer in model.buffers():
            dist.broadcast(buffer, 0)
