"""Content-addressed object store in a local folder: an object that `put` returned for survives a crash."""

import os
import re
import tempfile
from pathlib import Path

_KEY = re.compile(r"[a-z]+/[0-9a-f]{64}")


class MissingObject(LookupError):
    """The store has no object of that key."""


class ObjectStore:
    """Objects below `root`, by `kind/sha256`.

    Writing is temporary file, fsync, rename, fsync of the folder: a crash leaves at most a temporary file,
    never half an object under its name. The same key always means the same bytes, so writing twice is harmless.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, key: str, content: bytes) -> None:
        """Store `content` durably."""
        path = self._path(key)
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        for folder in (path.parent, path.parent.parent, path.parent.parent.parent):
            _sync_folder(folder)

    def get(self, key: str) -> bytes:
        """Read an object; `MissingObject` where there is none."""
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError as error:
            raise MissingObject(key) from error

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"not an object key: {key!r}")
        kind, digest = key.split("/")
        return self._root / kind / digest[:2] / digest


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
