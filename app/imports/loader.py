"""Loading many reports: several lanes work in parallel, and each batch is a few short transactions."""

import gc
import json
import os
import threading
import time
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from uuid import UUID

import structlog
from sqlalchemy.exc import IntegrityError

from app.disagreement.queries import vacuum
from app.ecgs.patients import PatientHasher
from app.ecgs.service import object_key
from app.erasures.queries import drop_unused_texts
from app.erasures.tombstones.queries import refuse_objects
from app.erasures.tombstones.service import Known, erased_places
from app.imports import queries
from app.imports.batch import Batch, Line, Said, SeenFile
from app.imports.ledger import queries as ledger
from app.kit.database import TRANSIENT, Database
from app.reports.bulk import Labelings
from app.reports.queries import commit_soon
from app.settings import Settings
from app.vocabularies import queries as vocabularies
from app.vocabularies.labeling_processes import LabelingProcesses

LINES = 20_000  # a batch
LANES = 8  # at most: each has a connection of the pool
COLLECTED_AFTER = 200_000
"""Objects made, after which circles are looked for while lines are loaded. Lines and batches are in none, and to look
at all of them again and again took a tenth of the time."""
TEXTS = 2_000  # read at a time
WAITING = 2  # batches a lane may have before it
PAUSES_S = (0.1, 0.5, 2.0)  # before a batch is stored again

log = structlog.get_logger(__name__)


@dataclass
class Loaded:
    """What an import has stored so far."""

    lines: int = 0
    ecgs: int = 0
    reports: int = 0
    known: int = 0
    unread: int = 0  # of `reports`, those in a language that the active vocabulary does not have
    texts_read: int = 0
    conflicts: Counter[str] = field(default_factory=Counter)
    erased: int = 0  # lines of ECGs or patients that were erased: they are not stored
    taken: list[SeenFile] = field(default_factory=list)  # not stored: another waveform has their record


class _Erased(Exception):
    """ECGs of a batch, by place, that were erased; `text_ids` are those of its texts, if they are stored already."""

    def __init__(self, places: set[int], text_ids: Sequence[int] = ()) -> None:
        super().__init__()
        self.places = places
        self.text_ids = text_ids


class Loader:
    """Stores lines as they come; it holds a few batches in memory, however many lines there are.

    All lines of one record go through one lane, in their order. A batch is stored whole or not at all. Its commits do
    not wait for the disk: the caller ends the load with a commit that does.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        progress: Callable[[Loaded], None] | None = None,
        lines: int = LINES,
    ) -> None:
        """`lines`: how many are stored at once in a lane."""
        self._database = database
        self._lines = lines
        self._workers = settings.labeling_processes or os.cpu_count() or 1
        self._readers: dict[UUID, LabelingProcesses] = {}
        self._labelings = Labelings(database)
        self._hasher = PatientHasher(settings)
        self._starting = threading.Lock()
        self._stack = ExitStack()
        self._progress = progress
        self.loaded = Loaded()

    def __enter__(self) -> Self:
        self._collected_after = gc.get_threshold()
        gc.set_threshold(COLLECTED_AFTER, *self._collected_after[1:])
        self._lanes = [ThreadPoolExecutor(1) for _ in range(min(self._workers, LANES))]
        self._broken: set[int] = set()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for lane in self._lanes:
            lane.shutdown(cancel_futures=True)
        self._stack.close()
        gc.set_threshold(*self._collected_after)

    def load(self, lines: Iterable[Line]) -> Loaded:
        """Store every line; `loaded` counts from here. Raises what a batch raises; the batches before it are stored."""
        self.loaded = Loaded()
        waiting: list[list[Line]] = [[] for _ in self._lanes]
        pending: list[deque[Future[Loaded]]] = [deque() for _ in self._lanes]

        def submit(lane: int) -> None:
            while len(pending[lane]) >= WAITING:
                self._add(pending[lane].popleft().result())
            pending[lane].append(self._lanes[lane].submit(self._load_in, lane, waiting[lane]))
            waiting[lane] = []

        for line in lines:
            name = line.record or (line.waveform.sha256 if line.waveform is not None else "")
            lane = zlib.crc32(name.encode()) % len(self._lanes)
            waiting[lane].append(line)
            if len(waiting[lane]) == self._lines:
                submit(lane)
        for lane, rest in enumerate(waiting):
            if rest:
                submit(lane)
        for each in pending:
            for future in each:
                self._add(future.result())
        return self.loaded

    def tidy(self) -> None:
        """After many lines: bring the tables in order, so that they are counted fast."""
        with self._database.begin() as session:
            slots = [row.slot for row in vocabularies.maintained(session)]
        for slot in slots:
            assert slot is not None
            vacuum(self._database, slot)

    def _add(self, batch: Loaded) -> None:
        total = self.loaded
        for name in ("lines", "ecgs", "reports", "known", "unread", "erased", "texts_read"):
            setattr(total, name, getattr(total, name) + getattr(batch, name))
        total.conflicts.update(batch.conflicts)
        total.taken += batch.taken
        if self._progress is not None:
            self._progress(total)

    def _load_in(self, lane: int, lines: list[Line]) -> Loaded:
        """Store a batch, unless a batch before it failed: a newer report must not be stored before an older one."""
        if lane in self._broken:
            raise RuntimeError("a batch before this one was not stored")
        try:
            return self._load(lines)
        except BaseException:
            self._broken.add(lane)
            raise

    def _load(self, lines: list[Line]) -> Loaded:
        """Store lines; those of an ECG that another one of the batch turned out to be come after it."""
        loaded = Loaded(lines=len(lines))
        while lines:
            batch = Batch(lines)
            try:
                stored, texts_read = self._try(batch)
            except _Erased as found:
                lines = self._leave_out(batch, lines, found)
                loaded.erased += len(batch.places) - len(lines)
                continue
            loaded.ecgs += stored.ecgs
            loaded.reports += stored.reports
            loaded.known += stored.known
            loaded.unread += stored.unread
            loaded.texts_read += texts_read
            loaded.conflicts.update(batch.conflicts + Counter(stored.conflicts))
            taken = {None, *stored.taken}
            placed = list(zip(batch.places, lines, strict=True))
            loaded.taken += [line.file for place, line in placed if place in taken and line.file is not None]
            again = set(stored.again)
            lines = [line for place, line in placed if place in again]
        return loaded

    def _try(self, batch: Batch) -> tuple[queries.Stored, int]:
        """Store a batch; once more where it met another writer's ECG or a database that was away."""
        for pause_s in PAUSES_S:
            try:
                return self._store(batch)
            except (*TRANSIENT, IntegrityError) as error:
                log.warning("batch_repeated", error=type(error).__name__)
                time.sleep(pause_s)
        return self._store(batch)

    def _store(self, batch: Batch) -> tuple[queries.Stored, int]:
        said = list(batch.said)
        with self._database.begin() as session:
            commit_soon(session)
            if erased := erased_places(session, self._hasher, _known(batch)):
                raise _Erased(erased)
            text_ids = queries.store_texts(session, said)
        texts_read = 0
        have_read: set[UUID] = set()
        while True:  # once; again where an activation has begun since
            with self._database.begin() as session:
                commit_soon(session)
                kept = vocabularies.maintained(session)
                if {row.id for row in kept} <= have_read:
                    if erased := erased_places(session, self._hasher, _known(batch)):  # meanwhile
                        raise _Erased(erased, text_ids)
                    return queries.store(session, batch, text_ids, kept), texts_read
                wanted = {row.id: row.yaml for row in kept if row.id not in have_read}
            for vocabulary_id, yaml in wanted.items():
                texts_read += self._read(vocabulary_id, yaml, dict(zip(text_ids, said, strict=True)))
                have_read.add(vocabulary_id)

    def _leave_out(self, batch: Batch, lines: list[Line], found: "_Erased") -> list[Line]:
        """Return the lines of ECGs that were not erased; delete what was stored of the others."""
        placed = list(zip(batch.places, lines, strict=True))
        gone = [line for place, line in placed if place in found.places]
        with self._database.begin() as session:
            if found.text_ids:
                vocabularies.wait_for_writers(session)
                said = {batch.said[line.text, line.codes] for line in gone if line.source is not None}
                drop_unused_texts(session, sorted(found.text_ids[each] for each in said))
            refuse_objects(session, {object_key(line.waveform.sha256) for line in gone if line.waveform is not None})
            files = [line.file for line in gone if line.file is not None]
            ledger.record(session, [file._replace(sha256=None, waveform=None) for file in files])
        return [line for place, line in placed if place not in found.places]

    def _read(self, vocabulary_id: UUID, yaml: str, said: dict[int, Said]) -> int:
        """Label the texts that have no labeling yet; return how many there were."""
        with self._database.begin() as session:
            new = queries.unlabelled(session, vocabulary_id, list(said))
        if not new:
            return 0
        with self._starting:
            if vocabulary_id not in self._readers:
                self._readers[vocabulary_id] = self._stack.enter_context(LabelingProcesses(yaml, self._workers))
        readers = self._readers[vocabulary_id]
        for start in range(0, len(new), TEXTS):
            texts = [(number, *said[number]) for number in new[start : start + TEXTS]]
            answer = readers.read([(number, words, codes and json.loads(codes)) for number, words, codes in texts])
            self._labelings.add(vocabulary_id, answer)
        return len(new)


def _known(batch: Batch) -> Iterator[Known]:
    """Yield what the ECGs of a batch are known by."""
    for ecg in batch.ecgs:
        digest = ecg.waveform.sha256 if ecg.waveform is not None else None
        yield Known(digest, ecg.record, ecg.facts.patient_hash)
