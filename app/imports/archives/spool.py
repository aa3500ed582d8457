"""Where uploaded archives lie until their job has ended: durable, so that a job goes on after a crash."""

import hashlib
import shutil
import tempfile
import time
import uuid
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

from ml.processes.durable import make_folder, sync

ARCHIVE = "archive"
_INCOMING = "incoming-"
_FORGOTTEN_S = 24 * 3600.0  # what no job names is then nobody's: its request has long ended
_PIECE = 2**20


class Received(NamedTuple):
    """An archive that has arrived whole, and its hash."""

    folder: Path
    sha256: str


class Spool:
    """A folder with one folder a job. Below it nobody else's names are used."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def receive(self, file: IO[bytes]) -> Received:
        """Store an archive durably; no job has it yet."""
        make_folder(self._root, self._root.parent)
        folder = Path(tempfile.mkdtemp(prefix=_INCOMING, dir=self._root))
        digest = hashlib.sha256()
        file.seek(0)
        with (folder / ARCHIVE).open("wb") as archive:
            while piece := file.read(_PIECE):
                digest.update(piece)
                archive.write(piece)
        sync(folder / ARCHIVE)
        sync(folder)
        return Received(folder, digest.hexdigest())

    def give(self, received: Received, job_id: uuid.UUID) -> None:
        """Give an archive to its job, durably."""
        received.folder.rename(self.of(job_id))
        sync(self._root)

    def drop(self, received: Received) -> None:
        """Remove an archive that no job wants."""
        shutil.rmtree(received.folder, ignore_errors=True)

    def of(self, job_id: uuid.UUID) -> Path:
        """Return the folder of a job."""
        return self._root / str(job_id)

    def remove(self, job_id: uuid.UUID) -> None:
        """Remove what a job has here."""
        shutil.rmtree(self.of(job_id), ignore_errors=True)

    def sweep(self, unfinished: Collection[uuid.UUID]) -> None:
        """Remove what jobs have left that ended elsewhere, and what arrived for a job that never was."""
        kept = {str(job_id) for job_id in unfinished}
        for folder in self._root.glob("*"):
            with suppress(OSError):
                if folder.name not in kept and time.time() - folder.stat().st_mtime > _FORGOTTEN_S:
                    shutil.rmtree(folder)
