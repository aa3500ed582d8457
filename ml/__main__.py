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

from ml.processes.events import Events, end_with_parent, take_stdout

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
    config = _configured(parser, arguments) if from_file else None
    stdout = take_stdout()
    if arguments.work == "serve":
        from ml.inference.serve import serve

        serve(sys.stdin.buffer, stdout)
        return 0
    if arguments.parent_pipe:
        end_with_parent()
    first = os.environ.get("RANK", "0") == "0"  # of the processes torchrun started, one speaks
    events = Events(stdout if first else io.BytesIO())
    try:
        folder = arguments.given if config is None else _run_folder(arguments.out, config, write=first)
        if arguments.work == "train":
            from ml.training.loop import run
        elif arguments.work == "evaluate":
            from ml.inference.evaluate import run
        else:
            from ml.study.run import run
        events.say("result", **run(folder, events))
    except Exception as error:
        events.say("error", message=f"{type(error).__name__}: {error}")
        raise  # the log gets the traceback
    return 0


def _configured(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> dict[str, Any]:
    """Put together a YAML file and the folders named beside it; what is wrong is said before a folder is made."""
    import yaml
    from pydantic import ValidationError

    folders = {"dataset": arguments.corpus, "unlabelled": arguments.unlabelled}
    for path in folders.values():
        if path is not None and not path.is_dir():
            parser.error(f"{path} is no folder")
    try:
        given = yaml.safe_load(arguments.given.read_text(encoding="utf-8")) or {}
        if not isinstance(given, dict):
            parser.error(f"{arguments.given}: is no mapping of settings")
        config = {**given, **{name: str(path.resolve()) for name, path in folders.items() if path is not None}}
        _configuration(arguments.work).model_validate(config)
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, each['loc'])) or 'it'}: {each['msg']}" for each in error.errors()]
        parser.error(f"{arguments.given}: {'; '.join(wrong)}")
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        parser.error(f"{arguments.given}: {error}")
    return config


def _run_folder(folder: Path, config: dict[str, Any], write: bool) -> Path:
    """Make a run folder, the one that there may be."""
    from ml.processes.durable import write_json

    if write:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "config.json", config)
    return folder


def _configuration(work: str) -> "type[BaseModel]":
    from ml.inference import evaluate
    from ml.study import configuration as study
    from ml.training import configuration

    known: dict[str, type[BaseModel]]
    known = {"train": configuration.Config, "evaluate": evaluate.Config, "study": study.Config}
    return known[work]


if __name__ == "__main__":
    sys.exit(main())
