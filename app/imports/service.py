"""Importing a file of reports, or an archive."""

import hashlib
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterable
from typing import BinaryIO

from app.ecgs.patients import PatientHasher
from app.imports.batch import Line
from app.imports.counts import Imported
from app.imports.importer import Importer
from app.imports.lines import read
from app.imports.loader import Loaded, Loader
from app.imports.source import Source
from app.kit import audit
from app.kit.database import Database, Json
from app.settings import Settings

Progress = Callable[[Loaded], None]


def import_reports(database: Database, settings: Settings, actor: str, file: BinaryIO, *, progress: Progress) -> Loaded:
    """Store the reports of a file of JSON lines. Raises `BadLine`, and stores nothing, where lines are wrong.

    The file is read twice, from a private copy: first to check every line, then to store them batch by batch. An import
    that is killed has stored whole batches; importing the same file again adds the rest.
    """
    hash_patient = PatientHasher(settings)
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(file, copy)
        copy.seek(0)
        lines = sum(1 for _ in read(copy, hash_patient))
        copy.seek(0)
        sha256 = hashlib.file_digest(copy, "sha256").hexdigest()
        copy.seek(0)
        what = {"lines": lines, "sha256": sha256}
        return audited_load(database, settings, actor, what, lines=read(copy, hash_patient), progress=progress)


def import_archive(
    importer: Importer, actor: str, source: Source, *, import_id: uuid.UUID, database: Database
) -> Imported:
    """Import an archive; write the beginning, and the end with the counts, to the audit log. Raises `BadArchive`.

    Paths are in neither: they may name patients. The folder is known there by its keyed hash.
    """
    what: Json = {"kind": source.kind, "folder": source.folder.digest.hex(), "again": source.again}
    with database.begin() as session:
        audit.record(session, actor, "begin", "import", resource_id=import_id, after=what)
    imported = importer.run(source)
    with database.begin() as session:
        audit.record(session, actor, "end", "import", resource_id=import_id, after=imported.as_json())
    return imported


def audited_load(
    database: Database, settings: Settings, actor: str, what: Json, *, lines: Iterable[Line], progress: Progress
) -> Loaded:
    """Store lines; write the beginning with `what`, and the end with the counts, to the audit log."""
    import_id = uuid.uuid4()
    with database.begin() as session:
        audit.record(session, actor, "begin", "import", resource_id=import_id, after=what)
    with Loader(database, settings, progress) as loader:
        loaded = loader.load(lines)
        loader.tidy()
    with database.begin() as session:
        done = {name: getattr(loaded, name) for name in ("lines", "ecgs", "reports", "known", "unread", "erased")}
        audit.record(session, actor, "end", "import", resource_id=import_id, after=done)
    return loaded
