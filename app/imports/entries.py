"""The ECGs of an archive, read ahead in processes, in their order."""

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple

from app.imports.ledger.queries import KnownFile
from app.imports.reading.prepared import Prepared, Stamp, Task, Why
from app.imports.reading.processes import ReadingProcesses
from app.imports.source import Source
from ml.archives import Entry, Found, Rejected

CHUNK = 64
"""ECGs that are read together, and whose waveforms become durable together."""
THREADS_MORE = 2  # than processes: while a thread waits for the disk, its process reads for another one
AHEAD = 2  # chunks a thread


class ReadEntry(NamedTuple):
    """One ECG of an archive: where it lies, what may be stored of it, and what is known of its unchanged files."""

    place: str
    prepared: Prepared
    known: KnownFile | None = None


class Refusal(NamedTuple):
    """What the archive's reader refuses: where it lies, and why."""

    place: str
    reasons: tuple[Why, ...]


Item = ReadEntry | Refusal
LookUp = Callable[[Sequence[str]], Mapping[str, KnownFile]]
Keep = Callable[[Mapping[str, bytes]], None]


class EntryReader:
    """Reads the entries of a source in several processes.

    `look_up` says what is known of files at places; `keep` makes waveforms durable, by their digests, before the
    entries are given out. Both are called in threads.
    """

    def __init__(self, processes: ReadingProcesses, count: int, *, look_up: LookUp, keep: Keep) -> None:
        """`count`: how many processes there are."""
        self._processes = processes
        self._threads = count + THREADS_MORE
        self._look_up = look_up
        self._keep = keep

    def read(self, source: Source, found: Iterable[Found]) -> Iterator[list[Item]]:
        """Yield what was found, in its order, some at a time."""
        waiting: deque[Future[list[Item]]] = deque()
        pool = ThreadPoolExecutor(self._threads, thread_name_prefix="entries")
        try:
            chunks = iter(found)
            while chunk := list(itertools.islice(chunks, CHUNK)):
                waiting.append(pool.submit(self._read, source, chunk))
                if len(waiting) > AHEAD * self._threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _read(self, source: Source, chunk: Sequence[Found]) -> list[Item]:
        entries = [
            each if source.waveforms else replace(each, signal=None) for each in chunk if isinstance(each, Entry)
        ]
        places = [source.place_of(entry) for entry in entries]
        known = self._look_up([place for place, entry in zip(places, entries, strict=True) if entry.signal is not None])
        tasks = [
            Task(
                entry=entry,
                known=_stamp(known.get(place), again=source.again),
                rule_reading=source.rule_reading,
            )
            for place, entry in zip(places, entries, strict=True)
        ]
        answers = self._processes.read(tasks)
        waveforms = {
            prepared.signal.waveform.sha256: encoded for prepared, encoded in answers if prepared.signal.waveform
        }
        self._keep({digest: encoded for digest, encoded in waveforms.items() if encoded})
        read = iter(
            [ReadEntry(place, each, known.get(place)) for place, (each, _) in zip(places, answers, strict=True)]
        )
        return [_refusal(each) if isinstance(each, Rejected) else next(read) for each in chunk]


def _stamp(known: KnownFile | None, *, again: bool) -> Stamp | None:
    if known is None or (again and known.waveform is None):
        return None
    return Stamp(known.size, known.modified_ns)


def _refusal(rejected: Rejected) -> Refusal:
    return Refusal(rejected.place, tuple(Why(reason.code, reason.detail) for reason in rejected.reasons))
