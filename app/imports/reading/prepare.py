"""One entry: its signal is read and checked, what its file says is added, and all is validated as an upload is."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from app.ecgs.schemas import EcgMetadata
from app.imports.batch import Waveform
from app.imports.names import without_names
from app.imports.reading.prepared import Prepared, Said, Signal, Stamp, Task, Why
from app.kit.problems import field_errors
from app.reports.schemas import report_of_source
from ml.archives import Entry
from ml.deidentify import without_identifiers
from ml.formats import EcgFile, Unreadable, waveform
from ml.formats.disk import RecordOnDisk, record_at
from ml.formats.ecg_file import Facts, Measurements, Reading
from ml.formats.recording import Recording
from ml.rules import read as read_by_rules
from ml.signals import check_usable

_HASHED = ("patient_id", "order_id")
_HASHES = ("patient_hash", "order_hash")
_HASH = re.compile(r"[0-9a-f]{64}")


class _Read(NamedTuple):
    """What became of a signal, the file's content where it was read, and the encoded waveform."""

    signal: Signal
    file: EcgFile | None = None
    encoded: bytes = b""


def prepare(task: Task) -> tuple[Prepared, bytes]:
    """Return what may be stored of an entry, and its encoded waveform (empty where none was read).

    What the entry's tables say is kept; what the signal's own file says is added where they say nothing.
    """
    entry = task.entry
    read = _read(entry.signal, task.known) if entry.signal is not None else _Read(Signal())
    facts, readings = entry.facts, entry.readings
    if read.file is not None:
        facts, readings = _together(facts, read.file.facts), _more(readings, read.file.readings)
        if task.rule_reading and all(reading.source != "machine" for reading in readings):
            readings = (*readings, *_by_rules(read.file.recording, facts))
    wrong: list[Why] = []
    metadata = _metadata(entry, facts, wrong)
    said = tuple(each for reading in readings if (each := _said(reading, wrong)) is not None)
    if entry.record is None and read.signal.state in ("none", "missing"):
        wrong.append(Why("no_identity", "neither a record's name nor a signal says which ECG it is"))
    prepared = Prepared(
        record=metadata.get("record"),
        facts=_as_line(metadata, facts),
        patient_id=metadata.get("patient_id"),
        order_id=metadata.get("order_id"),
        readings=said,
        signal=read.signal,
        refused=tuple(wrong),
    )
    return prepared, b"" if wrong else read.encoded


def _read(path: Path, known: Stamp | None) -> _Read:
    """Read the record with this main file. Nothing is raised: a signal that cannot be read is refused with reasons."""
    stamp = digest = None
    names = {path.name, path.stem}
    try:
        record = record_at(path)
        if record is None:
            return _Read(Signal(state="refused", reasons=(Why("unknown_format", "the file is of no known format"),)))
        names |= {name for beside in record.beside for name in (beside.name, beside.stem)}
        stamp = stamp_of(record)
        if stamp == known:
            return _Read(Signal(state="unchanged", stamp=stamp))
        contents = record.contents()
        digest = sha256_of(contents)
        file = record.file_format.read(contents)
        recording = file.recording
        reasons: Sequence[Any] = check_usable(recording.millivolts(), recording.sampling_rate_hz)
    except FileNotFoundError:
        return _Read(Signal(state="missing"))
    except Unreadable as error:
        reasons = error.reasons
    except OSError as error:
        return _Read(Signal(state="refused", stamp=stamp, reasons=(Why("unreadable_file", error.strerror or "?"),)))
    if reasons:
        why = tuple(Why(reason.code, without_identifiers(without_names(reason.detail, names))) for reason in reasons)
        return _Read(Signal(state="refused", stamp=stamp, sha256=digest, reasons=why))
    encoded = waveform.encode(recording)
    found = Waveform(waveform.identity(encoded), recording.samples.shape[1], recording.sampling_rate_hz)
    return _Read(Signal(state="read", stamp=stamp, sha256=digest, waveform=found), file, encoded)


def stamp_of(record: RecordOnDisk) -> Stamp:
    """Return how the files of a record look. Raises `OSError`."""
    return Stamp.of([path.stat() for path in (record.main, *record.beside)])


def sha256_of(contents: Mapping[str, bytes]) -> str:
    """Return the hash, in hex, of the contents of a record's files one after the other."""
    digest = hashlib.sha256()
    for content in contents.values():
        digest.update(content)
    return digest.hexdigest()


def _together(stated: Facts, own: Facts) -> Facts:
    """Return the facts that the tables state, and the file's own where they state none."""
    missing = {field.name: getattr(own, field.name) for field in fields(Facts) if getattr(stated, field.name) is None}
    measured = {
        field.name: getattr(own.measurements, field.name)
        for field in fields(Measurements)
        if getattr(stated.measurements, field.name) is None
    }
    return replace(stated, **missing, measurements=replace(stated.measurements, **measured))


def _more(stated: Sequence[Reading], own: Sequence[Reading]) -> tuple[Reading, ...]:
    """Return the readings that the tables state, and the file's own of a source of which they state none."""
    sources = {reading.source for reading in stated}
    return (*stated, *(reading for reading in own if reading.source not in sources))


def _by_rules(recording: Recording, facts: Facts) -> Iterator[Reading]:
    """Yield what our rules say of a recording, as theirs; nothing where they cannot read it."""
    reading = read_by_rules(recording, sex=facts.sex or "unknown")
    if not reading.not_readable:
        yield Reading(source="machine", text=reading.text, reader_pseudonym=reading.version)


def _metadata(entry: Entry, facts: Facts, wrong: list[Why]) -> dict[str, Any]:
    given = {name: value for name, value in asdict(facts).items() if value is not None}
    hashes = {name: given.pop(name) for name in _HASHES if name in given}
    wrong += [
        Why(f"invalid_{name}", f"{name}: is not 64 hexadecimal digits")
        for name, value in hashes.items()
        if not _HASH.fullmatch(value)
    ]
    try:
        valid = EcgMetadata.model_validate({"record": entry.record, **given})
    except ValidationError as error:
        wrong += _reasons(error, "")
        return {}
    return {**hashes, **valid.model_dump(exclude_none=True)}


def _as_line(metadata: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
    """Return metadata as `app.imports.batch.Facts` has it; the time as the source has it."""
    line = {name: value for name, value in metadata.items() if name not in ("record", "measurements", *_HASHED)}
    line |= metadata.get("measurements", {})
    if line.get("sex") == "unknown":
        del line["sex"]
    line["simulated"] = line.get("simulated") or None
    if facts.recorded_at is not None:
        line["recorded_at"] = facts.recorded_at.isoformat()
    return line


def _said(reading: Reading, wrong: list[Why]) -> Said | None:
    """Return a reading that may be stored; None for one that says nothing, or only who somebody is."""
    names = ("source", "text", "final", "blinded", "validated")
    given: dict[str, Any] = {name: getattr(reading, name) for name in names}
    given["reader"] = reading.reader_pseudonym or reading.reader
    if reading.codes:
        given["codes"] = [asdict(code) for code in reading.codes]
    if reading.authored_at is not None:  # whether it is in range; a local time becomes an instant where sites are known
        given["authored_at"] = _as_utc(reading.authored_at)
    try:
        valid = report_of_source(given)
    except ValidationError as error:
        wrong += _reasons(error, f"{reading.source} reading: ")
        return None
    if valid is None:
        return None
    return Said(
        source=valid.source,
        reader=valid.reader,
        is_pseudonym=reading.reader_pseudonym is not None,
        text=valid.text,
        codes=None if valid.codes is None else json.dumps([code.model_dump() for code in valid.codes]),
        authored_at=None if reading.authored_at is None else reading.authored_at.isoformat(),
        final=valid.final,
        blinded=valid.blinded,
        validated=valid.validated,
    )


def _as_utc(time: datetime) -> str:
    return time.isoformat() if time.tzinfo is not None else f"{time.isoformat()}+00:00"


def _reasons(error: ValidationError, where: str) -> list[Why]:
    found = []
    for each in field_errors(error.errors()):
        field = each.field or "reading"
        found.append(Why(f"invalid_{field.split('.')[0]}", f"{where}{field}: {each.reason}"))
    return found
