"""An import, or a watch, that takes a while and stores a few ECGs at a time: a process that the fault tests kill.

`import_worker.py import|watch KIND FOLDER`.
"""

import sys
import threading
import time
import uuid
from pathlib import Path

from app.ecgs.service import Archive
from app.imports import entries, importer
from app.imports.importer import Importer
from app.imports.places import Places
from app.imports.service import import_archive
from app.imports.source import Source
from app.imports.watching.loop import Rhythm, watch
from app.kit.database import Database
from app.settings import Settings

PAUSE_S = 0.05

if __name__ == "__main__":
    what, kind, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    entries.CHUNK, importer.LINES = 4, 5
    settings = Settings()
    database, archive = Database(settings), Archive.of(settings)
    hashed = Places(archive.hash_patient).folder(kind, folder)
    source = Source(kind=kind, path=folder, folder=hashed, watched=what == "watch")
    if what == "watch":
        never = threading.Event()  # it is killed
        rhythm = Rhythm(0.2, 1.0)
        watch(database, settings, archive, source, actor="test", tell=lambda _: None, rhythm=rhythm, stop=never)
    with Importer(database, settings, archive, lambda _: time.sleep(PAUSE_S)) as running:
        import_archive(running, "test", source, import_id=uuid.uuid4(), database=database)
