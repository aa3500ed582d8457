#!/usr/bin/env bash
# What only a machine with a GPU can show, within 12 minutes: the GPU tests, the bootstrap, the speed of training.
#
#   OUT=results benchmarks/gpu.sh            # on a machine with a card
#   OUT=results benchmarks/gpu.sh --smoke    # the smallest sizes on what there is: does the script itself work?
#
# Writes $OUT/gpu.json: per part its exit status (124: its time was over), seconds and figures; and what each printed.
# The exit status is 1 if a part failed. PYTHON names the interpreter, otherwise that of .venv is used.
set -uo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
mkdir -p "${OUT:?the folder for the results}"
out=$(cd "$OUT" && pwd)
rm -f "$out"/{tests,bootstrap,training}.{txt,jsonl,status} "$out/gpu.json"

part() { # NAME SECONDS COMMAND…
    local name=$1 limit=$2 began=$SECONDS
    shift 2
    timeout --kill-after=5 "$((limit * patience))" "$@" >"$out/$name.txt" 2>&1
    echo "$? $((SECONDS - began))" >"$out/$name.status"
    echo "$name: status and seconds $(cat "$out/$name.status")"
}

patience=1
if [ "${1:-}" = --smoke ]; then
    patience=4 # the machine may be busy with other things
    bootstrap=(--ecgs 2000 --draws 10 --small-ecgs 1000 --small-draws 2)
    training=(--presets test --paradigms supervised --seconds 0.1)
else
    bootstrap=()
    training=(--presets paper laptop --seconds 3)
fi
mapfile -t gpu_tests < <(grep -rl --include="test_*.py" "pytest.mark.gpu" tests/ml)
part tests 200 "$python" -m pytest -m gpu -q -p no:cacheprovider "${gpu_tests[@]}"
part bootstrap 130 "$python" -m benchmarks.bootstrap "${bootstrap[@]}" --figures "$out/bootstrap.jsonl"
part training 360 "$python" -m benchmarks.train "${training[@]}" --figures "$out/training.jsonl"

"$python" - "$out" <<'END'
import json, platform, sys
from pathlib import Path

import torch

out, parts = Path(sys.argv[1]), {}
for name in ("tests", "bootstrap", "training"):
    status, seconds = map(int, (out / f"{name}.status").read_text().split())
    figures = out / f"{name}.jsonl"
    parts[name] = {
        "status": status,
        "seconds": seconds,
        "figures": [json.loads(line) for line in figures.read_text().splitlines()] if figures.exists() else [],
        "said": (out / f"{name}.txt").read_text(errors="replace").splitlines()[-1:],
    }
machine = {
    "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    "processor": platform.machine(),
    "python": platform.python_version(),
    "torch": torch.__version__,
}
(out / "gpu.json").write_text(json.dumps({"machine": machine, "parts": parts}, indent=1) + "\n")
sys.exit(any(part["status"] for part in parts.values()))
END
