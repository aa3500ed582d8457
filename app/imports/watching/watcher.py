"""Taking what arrives in a folder.

A file is complete when its size and time of change stood still between two looks, and it can be read. One that stands
still and cannot be read may be half of a file: it is refused when it has stood still for longer. What was taken is in
the ledger of files, so a watch goes on after a restart, and a file that comes again under another name is not read.
"""

import time
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

from app.imports.batch import SeenFile
from app.imports.counts import Imported
from app.imports.importer import Importer
from app.imports.ledger import queries as ledger
from app.imports.ledger.queries import KnownFile
from app.imports.places import shown
from app.imports.quarantine import Quarantine, Tentative
from app.imports.reading.prepare import sha256_of, stamp_of
from app.imports.reading.prepared import Stamp
from app.imports.source import Source
from app.imports.watching.scan import Scanner
from app.kit.database import Database
from ml.archives import ARCHIVES, Entry, Found
from ml.formats import FORMATS
from ml.formats.disk import record_at

TIDY_AFTER = 1_000  # ECGs


class _Waiting(NamedTuple):
    """How a file looked, since when it has stood still, and whether it was tried and could not be read."""

    stamp: Stamp
    since: float
    tried: bool = False


class Watcher:
    """Watches one folder. `patience_s`: how long a file that cannot be read is taken for half of one."""

    def __init__(self, importer: Importer, database: Database, source: Source, patience_s: float) -> None:
        self._importer = importer
        self._database = database
        self._source = source
        self._patience_s = patience_s
        at = ARCHIVES[source.kind].at
        if at is None:
            raise ValueError(f"{source.kind} cannot be watched")
        self._at = at
        self._scanner = Scanner(source.path)
        self._settled: dict[str, Stamp] = {}
        self._waiting: dict[str, _Waiting] = {}
        with database.begin() as session:
            self._ledger = ledger.all_known(session, source.folder.digest)

    def look(self) -> Imported:
        """Look at the folder once, and take what is complete; return what was taken. Raises `OSError`."""
        imported = Imported()
        self._see()
        still = [place for place, file in self._waiting.items() if self._is_due(file)]
        young = [place for place in still if not self._waiting[place].tried]
        self._take(
            self._complete(young), Tentative(self._database, self._importer.places, self._source.folder), imported
        )
        old = [place for place in still if place in self._waiting and self._is_old(self._waiting[place])]
        self._take(
            self._complete(old), Quarantine(self._database, self._importer.places, self._source.folder), imported
        )
        if imported.ecgs >= TIDY_AFTER:
            self._importer.tidy()
        return imported

    @property
    def waiting(self) -> int:
        """How many files are not complete."""
        return len(self._waiting)

    def _see(self) -> None:
        """Note which files are new or have changed, and since when they stand still."""
        now = time.monotonic()
        seen = {place: self._scanner.stamp(place) for place in self._waiting}
        seen.update(self._scanner.look())
        for place, stamp in seen.items():
            if stamp is None:
                del self._waiting[place]
            elif self._settled.get(place) == stamp or (place in self._waiting and self._waiting[place].stamp == stamp):
                continue
            elif self._is_in_ledger(place, stamp):
                self._settled[place] = stamp
            else:
                self._waiting[place] = _Waiting(stamp, now)
        self._seen_at = now

    def _is_in_ledger(self, place: str, stamp: Stamp) -> bool:
        """Whether a file of its own was read as it is; a record of several files is compared when it is read."""
        known = self._ledger.pop(self._importer.places.of(self._source.folder, place), None)
        return known is not None and (known.size, known.modified_ns) == stamp

    def _is_due(self, file: _Waiting) -> bool:
        return file.since < self._seen_at and (not file.tried or self._is_old(file))

    def _is_old(self, file: _Waiting) -> bool:
        return self._seen_at - file.since >= self._patience_s

    def _complete(self, places: Iterable[str]) -> dict[str, Found]:
        """Return what lies in files that stand still. A record is looked at again when a file beside it has come."""
        found: dict[str, Found] = {}
        for place in places:
            each = self._found_at(place)
            if each is not None:
                found[place] = each
                continue
            self._settle(place)
            for main in _mains_beside(place):
                stamp = self._settled.pop(main, None) or (main in self._waiting and self._waiting[main].stamp)
                if stamp and (again := self._found_at(main)) is not None:
                    found[main] = again
                    self._waiting[main] = _Waiting(stamp, self._seen_at)
        return found

    def _found_at(self, place: str) -> Found | None:
        return self._at(self._source.path / place, self._source.path)

    def _take(self, found: dict[str, Found], quarantine: Quarantine, imported: Imported) -> None:
        if not found:
            return
        known = self._known_content(found)
        taken = Imported()
        self._importer.take(self._source, self._unknown(found, known), taken, quarantine)
        imported.add(taken)
        half = quarantine.places if isinstance(quarantine, Tentative) else frozenset()
        for place in found:
            if place in half:
                self._waiting[place] = self._waiting[place]._replace(tried=True)
            else:
                self._settle(place)

    def _unknown(self, found: dict[str, Found], known: dict[str, SeenFile]) -> Iterator[Found]:
        return (each for place, each in found.items() if place not in known)

    def _known_content(self, found: dict[str, Found]) -> dict[str, SeenFile]:
        """Return the files whose content was read under another name, and note that this name has it too."""
        contents = {
            place: seen for place, each in found.items() if isinstance(each, Entry) and (seen := self._hash(place))
        }
        with self._database.begin() as session:
            digests = [file.sha256 for file in contents.values() if file.sha256 is not None]
            by_content: dict[bytes, KnownFile] = ledger.by_content(session, self._source.folder.digest, digests)
            known = {
                place: file._replace(waveform=by_content[file.sha256].waveform)
                for place, file in contents.items()
                if file.sha256 in by_content
            }
            ledger.record(session, known.values())
        return known

    def _hash(self, place: str) -> SeenFile | None:
        try:
            record = record_at(self._source.path / place)
            if record is None:
                return None
            stamp, digest = stamp_of(record), bytes.fromhex(sha256_of(record.contents()))
        except OSError:
            return None
        path = self._importer.places.of(self._source.folder, place)
        return SeenFile(self._source.folder.digest, path, shown(place), *stamp, digest, None)

    def _settle(self, place: str) -> None:
        self._settled[place] = self._waiting.pop(place).stamp


def _mains_beside(place: str) -> Iterator[str]:
    """Yield what the main file may be called that a file belongs to: the same name with another ending."""
    stem = str(PurePosixPath(place).with_suffix(""))
    for file_format in FORMATS:
        yield from (stem + file_format.main_ending, stem + file_format.main_ending.upper())
