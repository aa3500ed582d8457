"""Recordings at paths, read by rules; nothing is left out without a word."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ml.archives import Entry, Rejected
from ml.archives.files import records_below
from ml.archives.kind import BadArchive
from ml.formats import FORMATS, EcgFile, Unreadable
from ml.formats.disk import RecordOnDisk, record_at, record_named
from ml.formats.recording import Reason
from ml.rules.reader import RuleReading, read
from ml.rules.rule import Sex
from ml.rules.rule_book import Cut


class ReadRecord(NamedTuple):
    """A record's name, and its reading."""

    name: str
    reading: RuleReading


class OnDisk(NamedTuple):
    """A record's name, and what its files hold."""

    name: str
    file: EcgFile


class NotRead(NamedTuple):
    """What is no record that can be taken apart, and why."""

    name: str
    reason: str


def read_paths(paths: Iterable[Path], *, sex: Sex = "unknown", cut: Cut = "textbook") -> Iterator[ReadRecord | NotRead]:
    """Yield the reading of each record: a path is any file of one, or a folder with everything below it.

    `sex` is the patients', where their files do not say it.
    """
    for found in recordings(paths):
        if isinstance(found, NotRead):
            yield found
        else:
            reading = read(found.file.recording, sex=found.file.facts.sex or sex, cut=cut)
            yield ReadRecord(found.name, reading)


def recordings(paths: Iterable[Path]) -> Iterator[OnDisk | NotRead]:
    """Yield each record once: a path is any file of one, or a folder with everything below it."""
    answered: set[Path] = set()  # main files: `r.hea r.dat` names one record twice
    for path in paths:
        try:
            found = list(_records(path))
        except (OSError, BadArchive) as error:
            yield NotRead(str(path), getattr(error, "strerror", None) or str(error))
            continue
        for record in found:
            if isinstance(record, NotRead):
                yield record
            elif record.main not in answered:
                answered.add(record.main)
                yield _read(record)


def _records(path: Path) -> Iterator[RecordOnDisk | NotRead]:
    if not path.is_dir():
        record = record_named(path)
        if record is None:
            path.stat()  # raises the reason where there is no such file
            yield NotRead(str(path), "it is no ECG file of a known format")
        else:
            yield record
        return
    for found in records_below(path, FORMATS):
        if isinstance(found, Rejected):
            yield NotRead(found.place, _because(found.reasons))
        elif isinstance(found, Entry) and found.signal is not None and (record := record_at(found.signal)):
            yield record


def _read(record: RecordOnDisk) -> OnDisk | NotRead:
    try:
        return OnDisk(record.main.stem, record.read())
    except Unreadable as error:
        return NotRead(str(record.main), _because(error.reasons))
    except OSError as error:
        return NotRead(str(record.main), error.strerror or type(error).__name__)


def _because(reasons: Iterable[Reason]) -> str:
    return "; ".join(reason.detail for reason in reasons)
