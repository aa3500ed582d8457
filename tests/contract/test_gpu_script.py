"""The script for a lent GPU, tried in its smallest sizes where there is none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(3000)  # a minute where nothing else runs
def test_the_script_for_a_gpu_works_and_keeps_every_part(tmp_path):
    environment = {**os.environ, "OUT": str(tmp_path), "PYTHON": sys.executable, "CUDA_VISIBLE_DEVICES": ""}
    ran = subprocess.run([ROOT / "benchmarks/gpu.sh", "--smoke"], check=False, env=environment)
    parts = json.loads((tmp_path / "gpu.json").read_text())["parts"]
    assert (ran.returncode, {name: part["status"] for name, part in parts.items()}) == (
        0,
        {"tests": 0, "bootstrap": 0, "training": 0},
    )
    assert [figure["ecgs"] for figure in parts["bootstrap"]["figures"]] == [1000, 2000, 2000]
    assert [figure["what"] for figure in parts["training"]["figures"]] == ["supervised", "plain loop"]
    assert "skipped" in parts["tests"]["said"][0]
