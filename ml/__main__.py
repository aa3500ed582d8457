"""`python -m ml train|evaluate RUN_FOLDER`, `python -m ml serve`: the children that know torch."""

import argparse
import sys
from pathlib import Path

from ml.events import Events, end_with_parent, take_stdout


def main() -> int:
    """Run one child; what it says is on standard output, its log on standard error."""
    parser = argparse.ArgumentParser(prog="python -m ml")
    parser.add_argument("work", choices=["train", "evaluate", "serve"])
    parser.add_argument("folder", type=Path, nargs="?", help="with config.json; train and evaluate write into it")
    parser.add_argument("--parent-pipe", action="store_true", help="end when standard input closes")
    arguments = parser.parse_args()
    if (arguments.folder is None) != (arguments.work == "serve"):
        parser.error("train and evaluate need a run folder, serve takes none")
    stdout = take_stdout()
    if arguments.work == "serve":
        from ml.serve import serve

        serve(sys.stdin.buffer, stdout)
        return 0
    if arguments.parent_pipe:
        end_with_parent()
    events = Events(stdout)
    try:
        if arguments.work == "train":
            from ml.train import run
        else:
            from ml.evaluate import run
        events.say("result", **run(arguments.folder, events))
    except Exception as error:
        events.say("error", message=f"{type(error).__name__}: {error}")
        raise  # the log gets the traceback
    return 0


if __name__ == "__main__":
    sys.exit(main())
