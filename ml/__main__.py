"""`python -m ml train|evaluate RUN_FOLDER`, `python -m ml serve`: the children that know torch."""

import argparse
import sys
from pathlib import Path

from ml.events import end_with_parent, say


def main() -> int:
    """Run one child; what it says is on standard output, its log on standard error."""
    parser = argparse.ArgumentParser(prog="python -m ml")
    parser.add_argument("work", choices=["train", "evaluate", "serve"])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--parent-pipe", action="store_true", help="end when standard input closes")
    arguments = parser.parse_args()
    if arguments.work == "serve":
        from ml.predict import serve

        serve()
        return 0
    if arguments.folder is None:
        parser.error("a run folder is needed")
    if arguments.parent_pipe:
        end_with_parent()
    try:
        if arguments.work == "train":
            from ml.train import run
        else:
            from ml.evaluate import run
        say("result", **run(arguments.folder))
    except (ValueError, OSError, RuntimeError) as error:
        say("error", message=f"{type(error).__name__}: {error}")
        raise
    return 0


if __name__ == "__main__":
    sys.exit(main())
