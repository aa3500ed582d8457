"""Folders of files that are made once and never change: datasets, models of both kinds, exports, results of runs.

Without an object store they lie where they were made. With one they are copied to it, and other machines fetch them
into a cache.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

from app.kit.state import from_app
from app.kit.store import ObjectStore
from app.settings import Settings
from ml.processes.durable import sync

Kind = Literal["datasets", "models", "runs", "exports", "discrepancy"]


class Folders:
    """Folders that stay where they are made: below `root`, by kind and id."""

    elsewhere = False
    """Whether folders are kept at an object store, too."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def place(self, kind: Kind, folder_id: UUID) -> Path:
        """Return the path at which a folder is to be made."""
        return self._root / kind / str(folder_id)

    def keep(self, kind: Kind, folder_id: UUID, made: Path | None = None, names: Sequence[str] | None = None) -> None:
        """Let every machine open a folder that was made at its place, or at `made`; of a run only the files `names`.

        No row may speak of the folder before. May raise `StoreUnavailable`; calling again does no harm.
        """
        if made is not None:
            move_in(made, self.place(kind, folder_id))

    @contextmanager
    def opened(self, kind: Kind, folder_id: UUID) -> Iterator[Path]:
        """Yield the path of a folder, whose files stay there while the block runs.

        May raise `StoreUnavailable`, `MissingObject` and `DamagedObject`. A local folder that is gone is only found out
        by who reads it.
        """
        yield self.place(kind, folder_id)

    def remove(self, kind: Kind, folder_id: UUID) -> None:
        """Delete a folder. One that is not there is no error."""
        shutil.rmtree(self.place(kind, folder_id), ignore_errors=True)


FoldersDep = Annotated[Folders, from_app("folders")]


def move_in(made: Path, place: Path) -> None:
    """Move a folder to its place, durably. One that another process has put there meanwhile stays."""
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        made.rename(place)
    except OSError:
        if not place.is_dir():
            raise
        shutil.rmtree(made)
    sync(place.parent)


def open_folders(settings: Settings, store: ObjectStore) -> Folders:
    """Return the folders of a deployment that has this object store."""
    if settings.store_url is None:
        return Folders(settings.folders_dir)
    from app.kit.remote_folders import RemoteFolders
    from app.kit.remote_store import RemoteStore

    assert isinstance(store, RemoteStore)
    return RemoteFolders(settings.folders_dir, store, settings.cache_dir, settings.cache_bytes)
