"""A watch: look, wait, look again, until it is stopped."""

import threading
import uuid
from collections.abc import Callable
from typing import NamedTuple

from app.ecgs.service import Archive
from app.imports.counts import Imported
from app.imports.importer import Importer
from app.imports.source import Source
from app.imports.watching.watcher import Watcher
from app.jobs.run import MAY_SUCCEED_LATER
from app.kit import audit
from app.kit.database import Database
from app.settings import Settings


class Rhythm(NamedTuple):
    """Seconds between two looks, and how long a file that cannot be read is taken for half of one."""

    every_s: float = 5.0
    patience_s: float = 600.0


def watch(
    database: Database,
    settings: Settings,
    archive: Archive,
    source: Source,
    *,
    actor: str,
    tell: Callable[[str], None],
    rhythm: Rhythm = Rhythm(),  # noqa: B008 (never changed)
    stop: threading.Event,
) -> None:
    """Take what arrives in a folder until `stop` is set. A database, an object store or a folder
    that is away is waited for.

    The audit log has the beginning, and each look that stored something, with its counts.
    """
    watch_id = uuid.uuid4()
    with database.begin() as session:
        what = {"kind": source.kind, "folder": source.folder.digest.hex(), "watched": True}
        audit.record(session, actor, "begin", "import", resource_id=watch_id, after=what)

    def record(imported: Imported) -> None:
        with database.begin() as session:
            audit.record(session, actor, "take", "import", resource_id=watch_id, after=imported.as_json())

    tell(f"watching: a look every {rhythm.every_s:g} s")
    while not stop.is_set():
        try:
            with Importer(database, settings, archive, lambda _: None) as importer:
                watcher = Watcher(importer, database, source, rhythm.patience_s)
                while not stop.is_set():
                    imported = watcher.look()
                    if imported.found:
                        record(imported)
                        tell(_line(imported, watcher.waiting))
                    stop.wait(rhythm.every_s)
        except (*MAY_SUCCEED_LATER, OSError) as error:
            tell(f"database, objects or folder do not answer ({type(error).__name__}); trying again")
            stop.wait(rhythm.every_s)


def _line(imported: Imported, waiting: int) -> str:
    words = [f"{imported.ecgs:,} new ECGs", f"{imported.reports:,} new readings"]
    if imported.refused:
        words.append(f"{imported.refused.total():,} refused")
    if waiting:
        words.append(f"{waiting:,} files not complete")
    return ", ".join(words)
