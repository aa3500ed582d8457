"""Durable writes: after a crash a file is complete under its name, or absent."""

import json
import os
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

_SYNCS = 16  # at once: on ext4 ten times as many files a second as one after the other


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


def write_many(files: Mapping[Path, bytes], within: Path) -> None:
    """Write files durably, and their folders below `within`: when it returns, all of them survive a crash.

    The files are synced at once, and then their folders: a disk takes many syncs together in little more time than one.
    """
    for folder in {path.parent for path in files}:
        make_folder(folder, within)
    written: dict[Path, Path] = {}  # temporary name → name
    try:
        for path, content in files.items():
            descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
            written[Path(name)] = path
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
        with ThreadPoolExecutor(_SYNCS) as threads:
            list(threads.map(sync, written))
            for temporary, path in list(written.items()):
                temporary.replace(path)
                del written[temporary]
            list(threads.map(sync, {path.parent for path in files}))
    finally:
        for temporary in written:
            temporary.unlink(missing_ok=True)


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
