"""Durable writes: after a crash a file is complete under its name, or absent."""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_whole(path: Path, content: bytes) -> None:
    """Write a file durably: temporary file beside it, fsync, rename, fsync of the folder."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON file durably."""
    write_whole(path, json.dumps(value, indent=2, allow_nan=False).encode())


def make_folder(path: Path, within: Path) -> None:
    """Make a folder and its missing parents durably, up to and including the parent `within`."""
    if path.is_dir():
        return
    path.mkdir(parents=True, exist_ok=True)
    for folder in (path, *path.parents):
        sync(folder)
        if folder == within:
            break


def sync(path: Path) -> None:
    """Call fsync on a file or a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
