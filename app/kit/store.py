"""Content-addressed object store in a local folder. After `put` has returned, the object survives a crash."""

import re
from collections.abc import Mapping
from pathlib import Path

from ml.processes.durable import make_folder, write_many, write_whole

_KEY = re.compile(r"[a-z]+/[0-9a-f]{64}")


class ObjectFault(Exception):
    """A stored object cannot be read. `code` is a stable word for programs, the message a sentence for people."""

    code = "object_fault"

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(reason)
        self.key = key


class MissingObject(ObjectFault):
    """The store has no object of that key."""

    code = "object_missing"


class DamagedObject(ObjectFault):
    """The object is not what was stored."""

    code = "object_damaged"


class ObjectStore:
    """Objects below `root`, by `kind/sha256`.

    The same key always means the same content, so writing twice is harmless, and writing again replaces an object
    that was damaged.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, key: str, content: bytes) -> None:
        """Store `content` durably, unless it is there already."""
        path = self._path(key)
        if _holds(path, content):
            return
        make_folder(path.parent, within=self._root.parent)
        write_whole(path, content)

    def put_all(self, contents: Mapping[str, bytes]) -> None:
        """Store several objects durably, unless they are there already: when it returns, all of them survive."""
        paths = {self._path(key): content for key, content in contents.items()}
        new = {path: content for path, content in paths.items() if not _holds(path, content)}
        write_many(new, within=self._root.parent)

    def get(self, key: str) -> bytes:
        """Return an object; `MissingObject` where there is none, `DamagedObject` where it cannot be read."""
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError as error:
            raise MissingObject(key, "the stored waveform is missing") from error
        except OSError as error:
            raise DamagedObject(key, f"the stored waveform cannot be read ({error.strerror})") from error

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"not an object key: {key!r}")
        kind, digest = key.split("/")
        return self._root / kind / digest[:2] / digest


def _holds(path: Path, content: bytes) -> bool:
    return path.exists() and path.read_bytes() == content
