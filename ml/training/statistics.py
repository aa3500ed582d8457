"""Statistics of batch normalisation as the windows have them that a model is asked about."""

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from ml.networks.ecg import EcgNetwork

MOST_WINDOWS = 1024
BATCH = 256


def re_estimate(network: EcgNetwork, read: Callable[[NDArray[np.int64]], Tensor], rows: NDArray[np.int64]) -> None:
    """Set the running statistics of an encoder to those of windows as they are, without augmentation.

    In training they are moving averages over what the batches held: strong views, of which self-training's are a third,
    and, where the weights are an average, the views of other weights. Training itself does not use them.

    Parameters
    ----------
    read
        Returns windows by row, (k, 12, t), on the device.
    rows
        The rows of the training split, of which `MOST_WINDOWS` at equal distances are read.
    """
    normals = [each for each in network.encoder.modules() if isinstance(each, _BatchNorm) and each.track_running_stats]
    if not normals:
        return
    if len(rows) > MOST_WINDOWS:
        rows = rows[np.linspace(0, len(rows) - 1, MOST_WINDOWS).astype(np.int64)]
    momenta = [each.momentum for each in normals]
    network.eval()
    for each in normals:
        each.reset_running_stats()
        each.momentum = None  # the mean over the parts, which are of equal size
        each.train()
    with torch.no_grad():
        for part in np.array_split(rows, math.ceil(len(rows) / BATCH)):
            network.encode(read(part))
    for each, momentum in zip(normals, momenta, strict=True):
        each.momentum = momentum
        each.eval()
