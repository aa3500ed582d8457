"""`python -m ml train|evaluate|study RUN_FOLDER`, `python -m ml serve`: the children that know torch.

Without the service the first three take a configuration in YAML, `python -m ml train CONFIG.yaml --corpus DIR --out
DIR`, and training may run under `torchrun` on several GPUs.
"""

import argparse
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.events import Events, end_with_parent, take_stdout

if TYPE_CHECKING:
    from pydantic import BaseModel

RUNS = ("train", "evaluate", "study")


def main() -> int:
    """Run one child; what it says is on standard output, its log on standard error."""
    parser = argparse.ArgumentParser(prog="python -m ml")
    parser.add_argument("work", choices=[*RUNS, "serve"])
    parser.add_argument("given", type=Path, nargs="?", help="run folder with config.json, or a YAML file")
    parser.add_argument("--corpus", type=Path, help="dataset folder, beside a YAML file")
    parser.add_argument("--unlabelled", type=Path, help="dataset folder for self-training, beside a YAML file")
    parser.add_argument("--out", type=Path, help="run folder, beside a YAML file; a run goes on where it was killed")
    parser.add_argument("--parent-pipe", action="store_true", help="end when standard input closes")
    arguments = parser.parse_args()
    if (arguments.given is None) != (arguments.work == "serve"):
        parser.error(f"{', '.join(RUNS)} need a run folder, serve takes none")
    from_file = arguments.given is not None and arguments.given.is_file()
    if from_file != (arguments.corpus is not None) or from_file != (arguments.out is not None):
        parser.error("--corpus and --out go with a YAML file, and it with them")
    stdout = take_stdout()
    if arguments.work == "serve":
        from ml.serve import serve

        serve(sys.stdin.buffer, stdout)
        return 0
    if arguments.parent_pipe:
        end_with_parent()
    first = os.environ.get("RANK", "0") == "0"  # of the processes torchrun started, one speaks
    events = Events(stdout if first else io.BytesIO())
    try:
        folder = _run_folder(arguments, write=first) if from_file else arguments.given
        if arguments.work == "train":
            from ml.train import run
        elif arguments.work == "evaluate":
            from ml.evaluate import run
        else:
            from ml.study.run import run
        events.say("result", **run(folder, events))
    except Exception as error:
        events.say("error", message=f"{type(error).__name__}: {error}")
        raise  # the log gets the traceback
    return 0


def _run_folder(arguments: argparse.Namespace, write: bool) -> Path:
    """Make a run folder of a YAML file and the folders named beside it."""
    import yaml

    from ml.run_folder import write_json

    given: Any = yaml.safe_load(arguments.given.read_text(encoding="utf-8"))
    folders = {"dataset": arguments.corpus, "unlabelled": arguments.unlabelled}
    named = {name: str(path.resolve()) for name, path in folders.items() if path is not None}
    config = {**(given or {}), **named}
    _configuration(arguments.work).model_validate(config)  # what is wrong is said before a folder is made
    out: Path = arguments.out
    if write:
        out.mkdir(parents=True, exist_ok=True)
        write_json(out / "config.json", config)
    return out


def _configuration(work: str) -> "type[BaseModel]":
    from ml import configuration, evaluate
    from ml.study import configuration as study

    known: dict[str, type[BaseModel]]
    known = {"train": configuration.Config, "evaluate": evaluate.Config, "study": study.Config}
    return known[work]


if __name__ == "__main__":
    sys.exit(main())
