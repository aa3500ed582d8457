"""Objects by key, in a folder or at an object store's URL. After `put` has returned, the object survives a crash."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path

from app.kit.explained import Explained
from app.settings import Settings
from ml.processes.durable import make_folder, sync, write_many, write_whole

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

    def __init__(self, key: str) -> None:
        super().__init__(key, f"the stored {_noun(key)} is missing")


class DamagedObject(ObjectFault):
    """The object is not what was stored."""

    code = "object_damaged"


class StoreUnavailable(Explained):
    """The object store does not answer, or refuses its credentials. The same call may succeed later."""


class ObjectStore(ABC):
    """Objects by `kind/sha256`.

    The same key always means the same content, so writing twice is harmless, and writing again replaces an object
    that was damaged. Every method may raise `StoreUnavailable`, after a bounded time.
    """

    @abstractmethod
    def put(self, key: str, content: bytes) -> None:
        """Store `content` durably."""

    @abstractmethod
    def put_all(self, contents: Mapping[str, bytes]) -> None:
        """Store several objects durably: when it returns, all of them survive a crash."""

    @abstractmethod
    def get(self, key: str) -> bytes:
        """Return an object; `MissingObject` where there is none, `DamagedObject` where it cannot be read."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Delete an object. One that is not there is no error."""

    @abstractmethod
    def keys(self, kind: str) -> Iterator[str]:
        """Yield the keys of a kind, in no order."""


class LocalStore(ObjectStore):
    """Objects below the folder `root`, written with fsync."""

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
        """Store those that are not there already."""
        paths = {self._path(key): content for key, content in contents.items()}
        new = {path: content for path, content in paths.items() if not _holds(path, content)}
        write_many(new, within=self._root.parent)

    def get(self, key: str) -> bytes:
        """Return an object's content."""
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError as error:
            raise MissingObject(key) from error
        except OSError as error:
            raise DamagedObject(key, f"the stored {_noun(key)} cannot be read ({error.strerror})") from error

    def delete(self, key: str) -> None:
        """Delete an object durably."""
        path = self._path(key)
        path.unlink(missing_ok=True)
        if path.parent.exists():
            sync(path.parent)

    def keys(self, kind: str) -> Iterator[str]:
        """Yield the keys of a kind; files that were being written are none."""
        for path in (self._root / kind).glob("??/*"):
            if _KEY.fullmatch(key := f"{kind}/{path.name}"):
                yield key

    def _path(self, key: str) -> Path:
        check_key(key)
        kind, digest = key.split("/")
        return self._root / kind / digest[:2] / digest


def _holds(path: Path, content: bytes) -> bool:
    return path.exists() and path.read_bytes() == content


def open_store(settings: Settings) -> ObjectStore:
    """Return the object store of a deployment."""
    if settings.store_url is None:
        return LocalStore(settings.objects_dir)
    from app.kit.remote_store import RemoteStore

    return RemoteStore(settings.store_url)


def check_key(key: str) -> None:
    """Raise `ValueError` for what is no key of an object."""
    if not _KEY.fullmatch(key):
        raise ValueError(f"not an object key: {key!r}")


def _noun(key: str) -> str:
    return key.partition("/")[0].removesuffix("s")
