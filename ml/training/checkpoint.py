"""The state of a run in one file: what a resume needs besides configuration and dataset."""

import io
from collections.abc import Mapping
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


def read(folder: Path, run: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a run's checkpoint, None if there is none. Raise `ValueError` if it is of another run.

    Parameters
    ----------
    run
        What determines the run's result, as `write` was given it in `state["run"]`.
    said
        The same without settings that have their default. A checkpoint of an earlier release knows nothing of a setting
        that is new, and belongs to the run as long as that setting has its default.
    """
    path = folder / FILE
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)  # tensors and numbers, no code
    if not _is_of(state.get("run", {}), run, said):
        raise ValueError(
            "the checkpoint in this folder is another run's; use an empty folder, or the same configuration"
        )
    return state


def _is_of(stored: Mapping[str, Any], run: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
    if stored.keys() - run.keys() or (run.keys() - stored.keys()) & said.keys():
        return False
    for name, value in stored.items():
        section = said.get(name, {})
        if isinstance(value, Mapping) and isinstance(run[name], Mapping) and isinstance(section, Mapping):
            if not _is_of(value, run[name], section):
                return False
        elif value != run[name]:
            return False
    return True
