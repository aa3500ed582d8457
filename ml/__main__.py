"""`python -m ml train|evaluate|study|discrepancy RUN_FOLDER`, `python -m ml serve`: the child processes.

Without the service train, evaluate and study take a configuration in YAML, `python -m ml train CONFIG.yaml --corpus DIR
--out DIR`, and training may run under `torchrun` on several GPUs. A YAML file may name your own encoder or paradigm; a
run folder of the service may not.
"""

import argparse
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.processes.events import Events, end_with_parent, take_stdout

if TYPE_CHECKING:
    from pydantic import BaseModel

RUNS = ("train", "evaluate", "study", "discrepancy")


def main() -> int:
    """Run one child process. Its events go to standard output, its log to standard error."""
    parser = argparse.ArgumentParser(prog="python -m ml")
    parser.add_argument("work", choices=[*RUNS, "serve"])
    parser.add_argument("given", type=Path, nargs="?", help="a run folder with config.json, or a YAML file")
    parser.add_argument("--corpus", type=Path, help="dataset folder, with a YAML file")
    parser.add_argument("--unlabelled", type=Path, help="dataset folder for self-training, with a YAML file")
    parser.add_argument("--out", type=Path, help="run folder, with a YAML file; a killed run continues there")
    parser.add_argument("--parent-pipe", action="store_true", help="end when standard input closes")
    arguments = parser.parse_args()
    if (arguments.given is None) != (arguments.work == "serve"):
        parser.error(f"{', '.join(RUNS)} need a run folder or a YAML file; serve takes neither")
    from_file = arguments.given is not None and arguments.given.is_file()
    if from_file and arguments.work == "discrepancy":
        parser.error("discrepancy needs a run folder with its pairs")
    if from_file != (arguments.corpus is not None) or from_file != (arguments.out is not None):
        parser.error("give --corpus and --out with a YAML file, and only with one")
    config = _configured(parser, arguments) if from_file else None
    stdout = take_stdout()
    if arguments.work == "serve":
        from ml.inference.serve import serve

        serve(sys.stdin.buffer, stdout)
        return 0
    if arguments.parent_pipe:
        end_with_parent()
    first = os.environ.get("RANK", "0") == "0"  # of torchrun's processes only the first one writes events
    events = Events(stdout if first else io.BytesIO())
    try:
        folder = arguments.given if config is None else _run_folder(arguments.out, config, write=first)
        events.say("result", **_run(arguments.work)(folder, events, allow_own=from_file))
        if arguments.work == "train":
            _end_one_of_several()
    except Exception as error:
        events.say("error", message=f"{type(error).__name__}: {error}")
        raise  # the log gets the traceback
    return 0


def _end_one_of_several() -> None:
    """End a process of several at once: see `ml.processes.distributed.end_process`."""
    from ml.processes import distributed

    if distributed.one_of_several():
        distributed.end_process()


def _run(work: str) -> Callable[..., dict[str, Any]]:
    if work == "train":
        from ml.training.loop import run as train

        return train
    if work == "evaluate":
        from ml.inference.evaluate import run as evaluate

        return evaluate
    if work == "discrepancy":
        from ml.discrepancy.fit import run as discrepancy

        return discrepancy
    from ml.study.run import run as study

    return study


def _configured(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> dict[str, Any]:
    """Merge a YAML file with the folders given on the command line. Report errors before a folder is made."""
    import yaml
    from pydantic import ValidationError

    from ml.training.configuration import ALLOW_OWN

    folders = {"dataset": arguments.corpus, "unlabelled": arguments.unlabelled}
    for path in folders.values():
        if path is not None and not path.is_dir():
            parser.error(f"{path} is not a folder")
    try:
        given = yaml.safe_load(arguments.given.read_text(encoding="utf-8")) or {}
        if not isinstance(given, dict):
            parser.error(f"{arguments.given}: the file must hold settings, one `key: value` a line")
        config = {**given, **{name: str(path.resolve()) for name, path in folders.items() if path is not None}}
        _configuration(arguments.work).model_validate(config, context={ALLOW_OWN: True})
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, each['loc'])) or 'configuration'}: {each['msg']}" for each in error.errors()]
        parser.error(f"{arguments.given}: {'; '.join(wrong)}")
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        parser.error(f"{arguments.given}: {error}")
    return config


def _run_folder(folder: Path, config: dict[str, Any], write: bool) -> Path:
    """Make the run folder, unless it exists, and write its configuration."""
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
