"""Imports as jobs: of a folder that the settings name, or of an uploaded archive, which is unpacked first."""

import re
import shutil
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.orm import Session

from app.imports.archives.spool import ARCHIVE, Spool
from app.imports.archives.unpack import Limits, RefusedArchive, unpack
from app.imports.counts import Imported, Pace
from app.imports.importer import Importer
from app.imports.names import without_names
from app.imports.places import Places
from app.imports.schemas import ImportIn
from app.imports.service import import_archive as import_audited
from app.imports.source import Source
from app.jobs.queries import LeaseLost, all_unfinished
from app.jobs.run import MAY_SUCCEED_LATER, WORKER, Finish, JobFailed, JobRun, WorkerStopping
from app.kit.database import Json
from ml.archives import ARCHIVES, BadArchive

TELL_EVERY_S = 2.0
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")


def import_archive(run: JobRun) -> Finish:
    """Import an archive. An attempt after another one's death skips the files that were read."""
    given = ImportIn.model_validate(run.params)
    spool = Spool(run.settings.imports_dir)
    spool.sweep(run.transaction(lambda session: all_unfinished(session, "import")))
    try:
        imported = _import(run, _source(run, given, spool))
    except (WorkerStopping, LeaseLost, *MAY_SUCCEED_LATER):
        raise  # another attempt goes on, and needs the archive
    except (BadArchive, RefusedArchive) as error:
        spool.remove(run.id)
        raise JobFailed(_QUOTED.sub("'…'", str(error))) from error  # what is quoted may be somebody's name
    except BaseException:
        spool.remove(run.id)
        raise

    def finish(session: Session) -> Json:
        event.listen(session, "after_commit", lambda _: spool.remove(run.id), once=True)
        return imported.as_json()

    return finish


def _import(run: JobRun, source: Source) -> Imported:
    pace = Pace(run.progress, TELL_EVERY_S)

    def progress(imported: Imported) -> None:
        run.check()
        pace(imported)

    with Importer(run.database, run.settings, run.archive, progress) as importer:
        try:
            return import_audited(importer, WORKER, source, import_id=run.id, database=run.database)
        except BadArchive as error:
            raise BadArchive(without_names(str(error), {source.path.name})) from error


def _source(run: JobRun, given: ImportIn, spool: Spool) -> Source:
    """Return what is imported. Raises `JobFailed` and `RefusedArchive`."""
    places = Places(run.archive.hash_patient)
    try:
        options = given.opened(run.settings)
    except KeyError as error:
        raise JobFailed("a folder that an option names is no longer in OVERREAD_IMPORT_FOLDERS") from error
    if given.archive is None:
        path = given.path(run.settings)
        if path is None:
            raise JobFailed("the folder is no longer in OVERREAD_IMPORT_FOLDERS")
        folder, passed_over = places.folder(given.kind, path), []
    else:
        folder = places.uploaded(given.kind, given.archive)
        unpacked = spool.of(run.id) / "unpacked"
        shutil.rmtree(unpacked, ignore_errors=True)  # an earlier attempt's
        archive = spool.of(run.id) / ARCHIVE
        if not archive.exists():
            raise JobFailed("the uploaded archive is gone; upload it again")
        passed_over = unpack(archive, unpacked, Limits(run.settings.max_unpacked_bytes), run.check)
        path = _within(unpacked, given.kind)
    return Source(
        kind=given.kind,
        path=path,
        options=options,
        folder=folder,
        waveforms=given.waveforms,
        again=given.again,
        rule_reading=given.rule_reading,
        passed_over=passed_over,
    )


def _within(folder: Path, kind: str) -> Path:
    """Return where an unpacked archive begins: below folders that hold one folder only; of a table, the table."""
    while len(entries := list(folder.iterdir())) == 1 and entries[0].is_dir():
        folder = entries[0]
    if not ARCHIVES[kind].example:
        return folder
    tables = [path for path in folder.iterdir() if path.suffix.lower() in (".csv", ".parquet")]
    if len(tables) != 1:
        raise JobFailed("the archive's first folder needs exactly one .csv or .parquet file, the table")
    return tables[0]
