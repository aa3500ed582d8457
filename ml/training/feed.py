"""Windows on the device: all of them if they fit, otherwise read ahead of each step."""

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SHARE_OF_FREE_MEMORY = 0.5
_ROWS_A_COPY = 8192


class Windows:
    """The windows of a store, (n, 12, t), by row index, as float32 on the device.

    Parameters
    ----------
    resident
        Whether all windows are kept on the device, as float16. "auto": on a GPU with twice as much free memory.
    """

    def __init__(
        self, windows: NDArray[np.float16], device: torch.device, resident: Literal["auto", "always", "never"] = "auto"
    ) -> None:
        self._windows, self._device = windows, device
        if resident == "auto":
            resident = "always" if device.type == "cuda" and _fits(windows.nbytes, device) else "never"
        self.resident: Tensor | None = None
        if resident == "always":
            self.resident = torch.empty(windows.shape, dtype=torch.float16, device=device)
            for start in range(0, len(windows), _ROWS_A_COPY):
                part = slice(start, start + _ROWS_A_COPY)
                self.resident[part] = torch.from_numpy(windows[part].copy()).to(device)

    def leave_device(self) -> None:
        """Free the memory on the device. From now on rows are read from the store."""
        self.resident = None

    def __getitem__(self, rows: NDArray[np.int64]) -> Tensor:
        """Return some rows, (k, 12, t)."""
        index = torch.from_numpy(rows)
        if self.resident is not None:
            return self.resident[index.to(self._device)].float()
        read = torch.from_numpy(self._windows[rows])
        if self._device.type == "cuda":
            read = read.pin_memory()
        return read.to(self._device, non_blocking=True).float()


def _fits(size: int, device: torch.device) -> bool:
    free, _ = torch.cuda.mem_get_info(device)
    return size < SHARE_OF_FREE_MEMORY * free
