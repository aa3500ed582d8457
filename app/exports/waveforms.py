"""Waveforms of an export as WFDB: read again, they have the same digest."""

import io
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from app.ecgs.service import Archive
from app.ecgs.tables import Ecg
from app.kit.store import ObjectFault
from ml.formats.wfdb import write_wfdb

FOLDER = "waveforms"
PACKED = "waveforms.tar"


class Put(Protocol):
    """Stores a file by its name below the export."""

    def __call__(self, name: str, content: bytes) -> None:
        """Store one file."""


@contextmanager
def in_a_tar(folder: Path) -> Iterator[Put]:
    """Store files in one archive, without times and owners: a result is downloaded as few files."""
    with tarfile.open(folder / PACKED, "w", format=tarfile.USTAR_FORMAT) as tar:

        def put(name: str, content: bytes) -> None:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))

        yield put


@contextmanager
def in_a_folder(folder: Path) -> Iterator[Put]:
    """Store files as they are."""

    def put(name: str, content: bytes) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    yield put


def write(ecgs: Iterable[Ecg], archive: Archive, put: Put) -> Iterator[str | None]:
    """Store the waveforms of ECGs; yield None for each that is stored, else why it is not, as a stable code."""
    for ecg in ecgs:
        try:
            files = write_wfdb(archive.waveform(ecg), str(ecg.id))
        except ObjectFault as fault:
            yield fault.code
            continue
        except ValueError:
            yield "not_16_bits"
            continue
        for name, content in files.items():
            put(f"{FOLDER}/{str(ecg.id)[:2]}/{name}", content)
        yield None
