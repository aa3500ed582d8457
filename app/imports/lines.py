"""Reading and checking the lines of an import file."""

import codecs
import json
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from pydantic import ConfigDict, ValidationError

from app.ecgs.patients import PatientHasher
from app.ecgs.schemas import EcgMetadata
from app.imports.batch import Facts, Line
from app.kit.declared import repeated_keys
from app.kit.explained import Explained
from app.kit.problems import FieldError, field_errors
from app.kit.text import Name
from app.reports.schemas import ReportIn

LONGEST = 1024 * 1024  # bytes of a line


MISTAKES_NAMED = 20
_OTHER_ENCODINGS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


class BadLine(Explained, ValueError):
    """A file with lines that are not reports. The message names lines and fields, and repeats nothing of the lines."""

    def __init__(self, mistakes: Sequence[str], others: int = 0) -> None:
        more = [f"{others:,} more mistakes"] if others else []
        super().__init__("\n".join([*mistakes, *more]))


class ReportLine(ReportIn, EcgMetadata):
    """One line: a report, and what is known of its ECG."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "record": "2026-03-01/0042",
                    "source": "overread",
                    "reader": "dr-a",
                    "text": "Atrial flutter",
                    "recorded_at": "2026-03-01T09:58:00Z",
                    "site": "north",
                }
            ]
        },
    )

    record: Name


def read(file: BinaryIO, hash_patient: PatientHasher) -> Iterator[Line]:
    """Yield the reports of a file of JSON lines; a byte order mark and empty lines are skipped.

    Raises `BadLine` at the end where lines are wrong: it names the first `MISTAKES_NAMED` mistakes.
    """
    named: list[str] = []
    mistakes = 0
    for number, raw in enumerate(_raw_lines(file), 1):
        if not raw.strip():
            continue
        given = _understood(raw)
        if isinstance(given, ReportLine):
            if not mistakes:
                yield _line(given, hash_patient)
            continue
        mistakes += len(given)
        room = MISTAKES_NAMED - len(named)
        named += [f"line {number}: {error.field}{': ' if error.field else ''}{error.reason}" for error in given[:room]]
    if mistakes:
        raise BadLine(named, mistakes - len(named))


def _raw_lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield a file's lines, and of too long a line its beginning. Raises `BadLine` for a file in UTF-16 or UTF-32."""
    first = True
    while raw := file.readline(LONGEST + 1):
        if first:
            encoding = next((name for mark, name in _OTHER_ENCODINGS.items() if raw.startswith(mark)), None)
            if encoding or b"\0" in raw[:4]:
                raise BadLine([f"line 1: the file is {encoding or 'UTF-16'}; save it as UTF-8"])
            raw, first = raw.removeprefix(codecs.BOM_UTF8), False
        yield raw
        while len(raw) > LONGEST and not raw.endswith(b"\n"):  # the rest of that line
            raw = file.readline(LONGEST + 1)


def _understood(raw: bytes) -> ReportLine | list[FieldError]:
    """Return a line as a report, or everything that is wrong with it."""
    if len(raw) > LONGEST:
        return [FieldError(field="", code="too_large", reason=f"is longer than {LONGEST:,} bytes")]
    if repeated := repeated_keys(raw, ""):
        return repeated
    try:
        return ReportLine.model_validate_json(raw)
    except ValidationError as error:
        return field_errors(error.errors())


def _line(given: ReportLine, hash_patient: PatientHasher) -> Line:
    facts = Facts(
        recorded_at=given.recorded_at.isoformat() if given.recorded_at else None,
        site=given.site,
        device=given.device,
        device_software=given.device_software,
        sex=None if given.sex == "unknown" else given.sex,
        age=given.age,
        patient_hash=hash_patient(given.patient_id).hex() if given.patient_id else None,
        simulated=given.simulated or None,
        location=given.location,
        order_hash=hash_patient.order(given.order_id).hex() if given.order_id else None,
        fold=given.fold,
        **given.measurements.model_dump(),
    )
    codes = None if given.codes is None else json.dumps([code.model_dump() for code in given.codes])
    authored_at = given.authored_at.isoformat() if given.authored_at else None
    return Line(
        given.record,
        facts,
        given.source,
        given.reader or "",
        given.text,
        codes,
        authored_at,
        given.final,
        given.blinded,
        given.validated,
    )
