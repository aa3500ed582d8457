"""Figures of a benchmark as JSON lines, written as they come: what was measured before a time limit is kept."""

import argparse
import json
from pathlib import Path


def add_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--figures FILE`."""
    parser.add_argument("--figures", type=Path, metavar="FILE", help="also append each figure to it, as a JSON line")


def keep(options: argparse.Namespace, **figure: str | float) -> None:
    """Append a figure to the file, if one was named."""
    if options.figures is not None:
        with options.figures.open("a", encoding="utf-8") as file:
            file.write(json.dumps(figure) + "\n")
