"""`python -m ml train|evaluate|study`, `python -m ml serve`: the children that know torch.

The first three work in a run folder with a `config.json`: `python -m ml study FOLDER`. From a YAML file they make it:
`python -m ml study CONFIG.yaml --corpus DIR --out FOLDER`.
"""

import argparse
import sys
from pathlib import Path

from ml.events import Events, end_with_parent, take_stdout

RUNS = ("train", "evaluate", "study")


def main() -> int:
    """Run one child; what it says is on standard output, its log on standard error."""
    parser = argparse.ArgumentParser(prog="python -m ml", description=__doc__)
    parser.add_argument("work", choices=[*RUNS, "serve"])
    parser.add_argument("given", type=Path, nargs="?", help="a run folder with config.json, or a configuration in YAML")
    parser.add_argument("--corpus", type=Path, help="with a configuration: the dataset's folder")
    parser.add_argument("--out", type=Path, help="with a configuration: the run folder; a second run goes on there")
    parser.add_argument("--parent-pipe", action="store_true", help="end when standard input closes")
    arguments = parser.parse_args()
    if (arguments.given is None) != (arguments.work == "serve"):
        parser.error(f"{', '.join(RUNS)} need a run folder, serve takes none")
    if (arguments.corpus is None) != (arguments.out is None):
        parser.error("--corpus and --out go together")
    stdout = take_stdout()
    if arguments.work == "serve":
        from ml.serve import serve

        serve(sys.stdin.buffer, stdout)
        return 0
    if arguments.parent_pipe:
        end_with_parent()
    events = Events(stdout)
    try:
        folder = arguments.given
        if arguments.out is not None:
            folder = _prepared(arguments.given, arguments.corpus, arguments.out)
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


def _prepared(config: Path, corpus: Path, out: Path) -> Path:
    """Make the run folder that a configuration in YAML asks for."""
    import yaml

    from ml.run_folder import write_json

    given = yaml.safe_load(config.read_text(encoding="utf-8"))
    if not isinstance(given, dict):
        raise ValueError(f"{config.name} is no mapping of settings")
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "config.json", {**given, "dataset": str(corpus.resolve())})
    return out


if __name__ == "__main__":
    sys.exit(main())
