"""Where a run stands, in one file: what a resume needs and configuration and dataset do not say."""

import io
from pathlib import Path
from typing import Any

import torch

from ml.processes.durable import write_whole

FILE = "checkpoint.pt"


def write(folder: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint, whole."""
    content = io.BytesIO()
    torch.save(state, content)
    write_whole(folder / FILE, content.getvalue())


def read(folder: Path, run: dict[str, Any]) -> dict[str, Any] | None:
    """Read a run's checkpoint, None where there is none; a `ValueError` where it is another run's."""
    path = folder / FILE
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)  # tensors and numbers, no code
    if state.get("run") != run:
        raise ValueError("the checkpoint in this folder is another run's")
    return state
