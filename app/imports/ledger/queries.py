"""SQL of the files that were imported."""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from sqlalchemy import exists, or_, select, text
from sqlalchemy.orm import Session

from app.ecgs.tables import Ecg
from app.imports.batch import SeenFile, Waveform
from app.imports.tables import ImportedFile

_SEEN = (
    ImportedFile.path,
    ImportedFile.size,
    ImportedFile.modified_ns,
    ImportedFile.sha256,
    ImportedFile.waveform_sha256,
    ImportedFile.samples,
    ImportedFile.sampling_rate_hz,
)


class KnownFile(NamedTuple):
    """A file that was read: how it looked, the hash of its content, and its waveform; None: it was refused."""

    size: int
    modified_ns: int
    sha256: bytes | None
    waveform: Waveform | None


def known(session: Session, folder: bytes, paths: Collection[bytes], *, erased: bool) -> dict[bytes, KnownFile]:
    """Return which of these files of a folder were read. `erased`: also those whose ECG is no longer stored."""
    query = select(*_SEEN).where(ImportedFile.folder == folder, ImportedFile.path.in_(paths))
    if not erased:
        stored = exists().where(Ecg.waveform_sha256 == ImportedFile.waveform_sha256)
        query = query.where(or_(ImportedFile.waveform_sha256.is_(None), stored))
    return dict(_known(*row) for row in session.execute(query))


def all_known(session: Session, folder: bytes) -> dict[bytes, KnownFile]:
    """Return every file of a folder that was read, whether its ECG is still stored or was erased."""
    return dict(_known(*row) for row in session.execute(select(*_SEEN).where(ImportedFile.folder == folder)))


def by_content(session: Session, folder: bytes, digests: Collection[bytes]) -> dict[bytes, KnownFile]:
    """Return the files of a folder with these contents, by the hash of the content; not those that were refused."""
    query = select(*_SEEN).where(
        ImportedFile.folder == folder,
        ImportedFile.sha256.in_(digests),
        ImportedFile.waveform_sha256.is_not(None),
    )
    files = [_known(*row)[1] for row in session.execute(query)] if digests else []
    return {file.sha256: file for file in files if file.sha256 is not None}


def record(session: Session, files: Iterable[SeenFile]) -> None:
    """Write down how files looked that were read now, and what they held."""
    rows = {(file.folder, file.path): file for file in files}
    ordered = [rows[key] for key in sorted(rows)]  # two writers of the same rows then do not deadlock
    if not ordered:
        return
    waveforms = [file.waveform or (None, None, None) for file in ordered]
    session.execute(
        text(
            """
            INSERT INTO import_files
                (folder, path, size, modified_ns, sha256, waveform_sha256, samples, sampling_rate_hz)
            SELECT * FROM unnest(
                CAST(:folders AS bytea[]), CAST(:paths AS bytea[]), CAST(:sizes AS bigint[]), CAST(:times AS bigint[]),
                CAST(:contents AS bytea[]), CAST(:waveforms AS text[]), CAST(:samples AS integer[]),
                CAST(:rates AS float8[])
            ) ON CONFLICT (folder, path) DO UPDATE SET size = excluded.size, modified_ns = excluded.modified_ns,
                sha256 = excluded.sha256, waveform_sha256 = excluded.waveform_sha256, samples = excluded.samples,
                sampling_rate_hz = excluded.sampling_rate_hz, seen_at = now()
            """
        ),
        {
            "folders": [file.folder for file in ordered],
            "paths": [file.path for file in ordered],
            "sizes": [file.size for file in ordered],
            "times": [file.modified_ns for file in ordered],
            "contents": [file.sha256 for file in ordered],
            "waveforms": [waveform[0] for waveform in waveforms],
            "samples": [waveform[1] for waveform in waveforms],
            "rates": [waveform[2] for waveform in waveforms],
        },
    )


def _known(path: bytes, size: int, modified_ns: int, sha256: bytes | None, *waveform: Any) -> tuple[bytes, KnownFile]:
    found = None if waveform[0] is None else Waveform(*waveform)
    return path, KnownFile(size, modified_ns, sha256, found)
