"""One supervisor per folder: an advisory lock, which the kernel releases when its process ends for any reason."""

import fcntl
import os
from pathlib import Path

from app.embedded.errors import EmbeddedPostgresError, FolderInUse


class FolderLock:
    """`flock` on a file of the folder; the file holds the holder's process id for the refusal's message.

    Entering it raises `FolderInUse` at once when another process, or this one, has it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def __enter__(self) -> None:
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except PermissionError:
            raise EmbeddedPostgresError(f"{self._path.parent} belongs to another user") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
            os.close(descriptor)
            raise FolderInUse(
                f"{self._path.parent} is in use by another Overread (process {holder or 'unknown'}); "
                "stop it, or give this one a folder of its own with OVERREAD_DATA_DIR"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def __exit__(self, *_: object) -> None:
        # The file stays: were it removed, two later starts could lock different files of that name.
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
