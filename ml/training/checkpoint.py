"""The state of a run in one file: what a resume needs besides configuration and dataset."""

import io
from pathlib import Path
from typing import Any

import torch

from ml.processes.durable import write_whole

FILE = "checkpoint.pt"


def write(folder: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint atomically."""
    content = io.BytesIO()
    torch.save(state, content)
    write_whole(folder / FILE, content.getvalue())


def read(folder: Path, run: dict[str, Any]) -> dict[str, Any] | None:
    """Return a run's checkpoint, None if there is none. Raise `ValueError` if it is of another run."""
    path = folder / FILE
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)  # tensors and numbers, no code
    if state.get("run") != run:
        raise ValueError(
            "the checkpoint in this folder is another run's; use an empty folder, or the same configuration"
        )
    return state
