import json
import math
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import torch

from ml.training.step_log import BLOCK, FILE, StepLog

ROOT = Path(__file__).resolve().parents[3]


def steps(folder):
    return [json.loads(line)["step"] for line in (folder / FILE).read_text().splitlines()]


def test_steps_are_written_in_blocks_and_what_is_no_number_is_null(tmp_path):
    log = StepLog(tmp_path, 0)
    for step in range(1, BLOCK + 3):
        log.add({"step": step, "loss": torch.tensor(math.nan if step == 2 else 0.1)})
    assert steps(tmp_path) == list(range(1, BLOCK + 1))
    log.flush()
    lines = (tmp_path / FILE).read_text().splitlines()
    assert [json.loads(lines[at]) for at in (0, 1, -1)] == [
        {"step": 1, "loss": 0.1},
        {"step": 2, "loss": None},
        {"step": BLOCK + 2, "loss": 0.1},
    ]


def test_lines_beyond_the_checkpoint_and_a_torn_one_are_cut_off(tmp_path):
    log = StepLog(tmp_path, 0)
    for step in range(1, 8):
        log.add({"step": step, "loss": 0.5})
    log.flush()
    with (tmp_path / FILE).open("a") as file:
        file.write('{"step": 8, "lo')
    StepLog(tmp_path, 7)
    assert steps(tmp_path) == [1, 2, 3, 4, 5, 6, 7]
    log = StepLog(tmp_path, 4)
    log.add({"step": 5, "loss": 0.5})
    log.flush()
    assert steps(tmp_path) == [1, 2, 3, 4, 5]
    StepLog(tmp_path, 0)
    assert steps(tmp_path) == []


def test_the_script_of_the_docs_takes_every_number_to_tensorboard(tmp_path, monkeypatch):
    written = []

    class SummaryWriter:
        def __init__(self, folder):
            pass

        def add_scalar(self, name, value, step):
            written.append((step, name, value))

        def close(self):
            written.append("closed")

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=SummaryWriter))
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs/supervised"
    folder.mkdir(parents=True)
    log = StepLog(folder, 0)
    log.add({"step": 1, "loss": torch.tensor(0.5), "learning_rate": 1e-3})
    log.add({"step": 2, "loss": torch.tensor(math.inf), "learning_rate": 5e-4})
    log.flush()
    page = (ROOT / "docs/how-to/train.md").read_text()
    exec(re.search(r"```python\n# steps_to_tensorboard.py\n(.*?)```", page, re.DOTALL)[1], {})
    assert written == [(1, "loss", 0.5), (1, "learning_rate", 1e-3), (2, "learning_rate", 5e-4), "closed"]
