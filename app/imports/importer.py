"""Importing an archive: read in processes, waveforms durable, then rows by COPY; what is refused is written down.

Every step may be repeated: an import that was killed is run again, skips the files that it has read, and stores the
rest. Nothing is stored twice, because an ECG is known by its waveform or its record, and a reading by its words.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from app.ecgs.service import Archive, object_key
from app.imports.as_lines import LineMaker
from app.imports.batch import Line, SeenFile
from app.imports.counts import Imported
from app.imports.entries import EntryReader, Item, ReadEntry, Refusal
from app.imports.ledger import queries as ledger
from app.imports.ledger.queries import KnownFile
from app.imports.loader import Loaded, Loader
from app.imports.places import Places, shown
from app.imports.quarantine import Quarantine
from app.imports.reading.prepared import Prepared, Why
from app.imports.reading.processes import ReadingProcesses
from app.imports.rejections import queries as rejections
from app.imports.source import Source
from app.kit.database import Database
from app.settings import Settings
from app.sites import queries as sites
from ml.archives import Found

LINES = 2_000  # a batch of a lane: what a killed import stores again at most, and reads again
_NOTHING = {
    "missing": Why("missing_file", "the file of its signal is not there, and nothing else is known of it"),
    "none": Why("says_nothing", "it has neither a signal nor a reading"),
}
_OUT_OF_RANGE = Why("invalid_recorded_at", "a time is outside the years 1 to 9999 in UTC")

Progress = Callable[[Imported], None]


class Importer:
    """Imports archives, one after the other, with one set of processes. `progress` may raise: the import then ends."""

    def __init__(self, database: Database, settings: Settings, archive: Archive, progress: Progress) -> None:
        self._database = database
        self._settings = settings
        self._archive = archive
        self._progress = progress
        self.places = Places(archive.hash_patient)
        self._count = settings.labeling_processes or os.cpu_count() or 1
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._processes = self._stack.enter_context(ReadingProcesses(self._count))
        self._loader = self._stack.enter_context(Loader(self._database, self._settings, lines=LINES))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def run(self, source: Source) -> Imported:
        """Import a whole archive. What was refused of it before, and is not any more, is forgotten."""
        imported = Imported(total=source.count())
        with self._database.begin() as session:
            began = rejections.now(session)
            imported.refused_before = rejections.count(session, source.folder)
        self.take(source, source.read(), imported, Quarantine(self._database, self.places, source.folder))
        self.tidy()
        with self._database.begin() as session:
            imported.passed = rejections.drop_passed(session, source.folder, began)
        return imported

    def tidy(self) -> None:
        """After many ECGs: bring the tables in order, so that they are counted fast."""
        self._loader.tidy()

    def take(self, source: Source, found: Iterable[Found], imported: Imported, quarantine: Quarantine) -> None:
        """Store some of an archive's ECGs, and count them in `imported`."""
        with self._database.begin() as session:
            maker = LineMaker(self._archive.hash_patient, sites.time_zones(session))
        reader = EntryReader(
            self._processes,
            self._count,
            look_up=lambda places: self._known(source, places),
            keep=lambda waveforms: self._archive.store.put_all(
                {object_key(digest): encoded for digest, encoded in waveforms.items()}
            ),
        )

        def lines() -> Iterator[Line]:
            for items in reader.read(source, found):
                for item in items:
                    yield from self._lines(source, item, maker, quarantine=quarantine, imported=imported)
                imported.found += len(items)
                _count(imported, self._loader.loaded, quarantine)
                self._progress(imported)

        loaded = self._loader.load(lines())
        quarantine.add_taken(loaded.taken)
        quarantine.write()
        _count(imported, loaded, quarantine)

    def _known(self, source: Source, places: Sequence[str]) -> Mapping[str, KnownFile]:
        if not places:
            return {}
        hashes = {self.places.of(source.folder, place): place for place in places}
        with self._database.begin() as session:
            known = ledger.known(session, source.folder.digest, hashes.keys(), erased=source.watched)
        return {hashes[path]: file for path, file in known.items()}

    def _lines(
        self, source: Source, item: Item, maker: LineMaker, *, quarantine: Quarantine, imported: Imported
    ) -> Iterator[Line]:
        if isinstance(item, Refusal):
            quarantine.add(item.place, item.reasons)
            return
        prepared, signal = item.prepared, item.prepared.signal
        if signal.state != "none":
            imported.signals[signal.state] += 1
        imported.readings.update(said.source for said in prepared.readings)
        file = self._seen(source, item)
        waveform = signal.waveform
        if prepared.refused:
            quarantine.add(item.place, prepared.refused)
            return
        if signal.state == "unchanged" and item.known is not None:
            waveform, file = item.known.waveform, None
            if waveform is None:
                quarantine.see_again(item.place)
            if source.watched:
                return
        elif signal.state == "refused":
            quarantine.add(item.place, signal.reasons, file)
            file = None
        if not says_something(prepared):
            if signal.state in _NOTHING:
                quarantine.add(item.place, [_NOTHING[signal.state]])
            if signal.state != "read":  # an unchanged file's ECG is stored already
                return
        if waveform is None and prepared.record is None:
            return
        try:
            yield from maker.lines(prepared, waveform, file)
        except OverflowError:
            quarantine.add(item.place, [_OUT_OF_RANGE])

    def _seen(self, source: Source, item: ReadEntry) -> SeenFile | None:
        signal = item.prepared.signal
        if signal.stamp is None:
            return None
        sha256 = bytes.fromhex(signal.sha256) if signal.sha256 is not None else None
        path = self.places.of(source.folder, item.place)
        return SeenFile(source.folder.digest, path, shown(item.place), *signal.stamp, sha256, signal.waveform)


def says_something(prepared: Prepared) -> bool:
    """Whether anything is known of an ECG but its signal and its name."""
    facts = any(value is not None for value in prepared.facts.values())
    return bool(prepared.readings) or facts or prepared.patient_id is not None or prepared.order_id is not None


def _count(imported: Imported, loaded: Loaded, quarantine: Quarantine) -> None:
    imported.ecgs, imported.reports, imported.known = loaded.ecgs, loaded.reports, loaded.known
    imported.unread, imported.conflicts, imported.refused = loaded.unread, loaded.conflicts, quarantine.refused
    imported.erased = loaded.erased
