"""Loss, learning rates and length of the gradient of each step, a JSON object a line, in the run folder."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from ml.processes.run_folder import json_safe

FILE = "steps.jsonl"
BLOCK = 100  # steps that are written together: reading a value waits for the device


class StepLog:
    """The lines of a run's steps. They end where the checkpoint is that a run resumes from."""

    def __init__(self, folder: Path, last: int) -> None:
        """Cut off what an attempt wrote beyond its last checkpoint, at step `last`."""
        self._path = folder / FILE
        self._waiting: list[Mapping[str, int | float | Tensor]] = []
        self._cut(last)

    def add(self, values: Mapping[str, int | float | Tensor]) -> None:
        """Take in a step. Does not wait for the device, except to write a block."""
        self._waiting.append(values)
        if len(self._waiting) == BLOCK:
            self.flush()

    def flush(self) -> None:
        """Write the steps that wait."""
        lines = [json.dumps({name: _number(value) for name, value in step.items()}) for step in self._waiting]
        self._waiting = []
        with self._path.open("a", encoding="ascii") as file:
            file.writelines(f"{line}\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())  # a checkpoint that follows is never ahead of the lines

    def _cut(self, last: int) -> None:
        if not self._path.exists():
            return
        kept = 0
        with self._path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n") or json.loads(line)["step"] > last:
                    break
                kept += len(line)
        os.truncate(self._path, kept)


def _number(value: int | float | Tensor) -> int | float | None:
    """Return a value as JSON has it: NaN and infinity are null."""
    if isinstance(value, int):
        return value
    safe: float | None = json_safe(float(value))
    return safe if safe is None else float(f"{safe:.6g}")
