"""Folders at an object store, and the cache of this machine.

An object `<kind>/<id>/files.json` is written last. It names the files with their sizes and SHA-256, so a folder is
either whole or not there, and a copy is checked.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field, ValidationError

from app.kit.folders import Folders, Kind, move_in
from app.kit.remote_store import RemoteStore
from app.kit.store import DamagedObject

FILES = "files.json"
BEING_FETCHED = ".fetching-"
LONGEST_START_S = 60.0  # between making such a folder and holding its lock


class KeptFile(BaseModel):
    """One file of a folder."""

    name: Annotated[str, Field(pattern=r"^([A-Za-z0-9_][A-Za-z0-9_.-]*/)*[A-Za-z0-9_][A-Za-z0-9_.-]*$")]
    bytes: Annotated[int, Field(ge=0)]
    sha256: str


class KeptFiles(BaseModel):
    """The content of `files.json`."""

    files: list[KeptFile]


class RemoteFolders(Folders):
    """Folders at an object store. Several processes may share the cache.

    Who has a folder open holds a shared lock (`flock`) on it; only a folder that nobody holds is evicted.
    """

    elsewhere = True

    def __init__(self, root: Path, store: RemoteStore, cache: Path, cache_bytes: int) -> None:
        super().__init__(root)
        self._store = store
        self._cache = cache
        self._cache_bytes = cache_bytes

    def keep(self, kind: Kind, folder_id: UUID, made: Path | None = None, names: Sequence[str] | None = None) -> None:
        """Copy a folder to the object store. A whole folder moves into the cache; a run stays for its next attempt."""
        made = made or self.place(kind, folder_id)
        files = []
        for name in names if names is not None else _names(made):
            path = made / name
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            self._store.upload(f"{kind}/{folder_id}/{name}", path)
            files.append(KeptFile(name=name, bytes=path.stat().st_size, sha256=sha256))
        self._store.write(f"{kind}/{folder_id}/{FILES}", KeptFiles(files=files).model_dump_json().encode())
        if kind == "exports":
            shutil.rmtree(made)
        elif names is None:
            cached = self._cached(kind, folder_id)
            _evicted(cached)  # of an earlier attempt
            move_in(made, cached)

    @contextmanager
    def opened(self, kind: Kind, folder_id: UUID) -> Iterator[Path]:
        """Yield the path of the folder's copy in the cache; fetch it where there is none.

        An export is deleted with its time, or when an ECG is erased: it has no copy that outlives the block.
        """
        if kind == "exports":
            with _held_temporary(self._cache / kind) as parent:
                self._fetch(f"{kind}/{folder_id}", parent / str(folder_id))
                yield parent / str(folder_id)
            return
        folder = self._cached(kind, folder_id)
        while (lock := _held(folder)) is None:
            self._fetch(f"{kind}/{folder_id}", folder)
        try:
            os.utime(lock)  # the least recently used are evicted first
            yield folder
        finally:
            os.close(lock)

    def remove(self, kind: Kind, folder_id: UUID) -> None:
        """Delete a folder at the object store, `files.json` first, so that it is never there in part."""
        super().remove(kind, folder_id)
        self._store.remove(f"{kind}/{folder_id}/{FILES}")
        for name in self._store.names(f"{kind}/{folder_id}/"):
            self._store.remove(name)

    def _cached(self, kind: Kind, folder_id: UUID) -> Path:
        return self._cache / kind / str(folder_id)

    def _fetch(self, key: str, folder: Path) -> None:
        """Download a folder beside its place, check every file, and rename it."""
        kept = self._kept(key)
        self._make_room(sum(file.bytes for file in kept.files))
        with _held_temporary(folder.parent) as building:
            for file in kept.files:
                path = building / file.name
                path.parent.mkdir(parents=True, exist_ok=True)
                if self._store.download(f"{key}/{file.name}", path, file.bytes) != file.sha256:
                    raise DamagedObject(f"{key}/{file.name}", f"the stored {file.name} is damaged")
            move_in(building, folder)

    def _kept(self, key: str) -> KeptFiles:
        try:
            return KeptFiles.model_validate_json(self._store.read(f"{key}/{FILES}"))
        except ValidationError as error:
            raise DamagedObject(f"{key}/{FILES}", f"the stored {FILES} is damaged") from error

    def _make_room(self, size: int) -> None:
        """Evict folders that nobody holds, the least recently used first, until `size` more bytes fit."""
        taken = {path: _size(path) for kind in self._cache.glob("*") for path in kind.iterdir()}
        excess = sum(taken.values()) + size - self._cache_bytes
        for path in sorted(taken, key=_used_at):
            is_fetched = path.name.startswith(BEING_FETCHED)
            left_behind = is_fetched and _used_at(path) < time.time() - LONGEST_START_S
            if (left_behind or (excess > 0 and not is_fetched)) and _evicted(path):
                excess -= taken[path]


@contextmanager
def _held_temporary(parent: Path) -> Iterator[Path]:
    """Yield a new folder, held while the block runs; it is deleted unless the block has moved it away."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=BEING_FETCHED, dir=parent))
    lock = os.open(folder, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_SH)
    try:
        yield folder
    finally:
        os.close(lock)
        shutil.rmtree(folder, ignore_errors=True)


def _names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _held(folder: Path) -> int | None:
    """Return a descriptor that holds a shared lock on a folder; None where there is no such folder."""
    try:
        lock = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return None
    fcntl.flock(lock, fcntl.LOCK_SH)
    if not _is(folder, lock):  # it was evicted between the two calls
        os.close(lock)
        return None
    return lock


def _is(folder: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(folder.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _evicted(folder: Path) -> bool:
    """Delete a folder unless somebody holds it, and return whether it is gone. It never exists in part."""
    try:
        lock = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        gone = folder.with_name(f"{BEING_FETCHED}{os.urandom(8).hex()}")  # swept by the next, should this one be killed
        folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
    except BlockingIOError:
        return False
    except FileNotFoundError:
        return True
    finally:
        os.close(lock)
    return True


def _used_at(folder: Path) -> float:
    with suppress(FileNotFoundError):
        return folder.stat().st_mtime
    return 0.0


def _size(folder: Path) -> int:
    size = 0
    for inner, _, names in os.walk(folder):  # passes over what is evicted meanwhile
        for name in names:
            with suppress(FileNotFoundError):
                size += (Path(inner) / name).stat().st_size
    return size
