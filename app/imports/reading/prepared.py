"""What goes to a reading process and what comes back, as JSON; an encoded waveform travels beside it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self

from pydantic import TypeAdapter

from app.imports.batch import Waveform
from ml.archives import Entry

_LATEST_NS = 2**63 - 1  # that a database keeps


class Stamp(NamedTuple):
    """How the files of a record look from outside: their bytes together, and the newest time of change."""

    size: int
    modified_ns: int

    @classmethod
    def of(cls, looks: Sequence[os.stat_result]) -> Self:
        """Return the stamp of files."""
        newest_ns = max(look.st_mtime_ns for look in looks)
        return cls(sum(look.st_size for look in looks), min(newest_ns, _LATEST_NS))


class Why(NamedTuple):
    """Why something was refused: a word for programs and a sentence for people that repeats nothing of the content."""

    code: str
    detail: str


SignalState = Literal["none", "missing", "unchanged", "read", "refused"]


@dataclass(frozen=True, kw_only=True)
class Signal:
    """What became of an entry's signal.

    Attributes
    ----------
    state
        `none`: the entry has none; `missing`: there is no such file; `unchanged`: it has the stamp that is known;
        `read`; `refused`.
    stamp, sha256
        Of the record's files; the hash is that of their contents one after the other, in hex.
    waveform
        Of a signal that was read.
    reasons
        Why it was refused.
    """

    state: SignalState = "none"
    stamp: Stamp | None = None
    sha256: str | None = None
    waveform: Waveform | None = None
    reasons: tuple[Why, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Task:
    """An entry to read. A signal whose files still have the stamp `known` is not read again."""

    entry: Entry
    known: Stamp | None = None
    rule_reading: bool = False


@dataclass(frozen=True, kw_only=True)
class Said:
    """A reading that may be stored. `codes` is JSON. Times are as in `Prepared`.

    The reader's name is to be made a pseudonym, unless it is one.
    """

    source: str
    reader: str | None
    is_pseudonym: bool
    text: str | None
    codes: str | None
    authored_at: str | None
    final: bool
    blinded: str
    validated: str


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """An entry that was checked: what is stored of it once names and numbers are hashed and local times are instants.

    Attributes
    ----------
    record
        As `Entry.record`.
    facts
        Fields of `app.imports.batch.Facts` by name. A time without an offset is the site's local time.
    patient_id, order_id
        As the source gives them; they are to be hashed.
    readings
        Texts have passed the removal of identifiers.
    refused
        Why nothing of the entry may be stored.
    """

    record: str | None
    facts: dict[str, Any]
    patient_id: str | None
    order_id: str | None
    readings: tuple[Said, ...]
    signal: Signal
    refused: tuple[Why, ...] = ()


TASK: TypeAdapter[Task] = TypeAdapter(Task)
TASKS: TypeAdapter[list[Task]] = TypeAdapter(list[Task])
PREPARED: TypeAdapter[Prepared] = TypeAdapter(Prepared)
