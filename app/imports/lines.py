"""The lines of an import file, understood one by one."""

import json
from collections.abc import Iterator
from typing import BinaryIO

from pydantic import ConfigDict, ValidationError

from app.ecgs.patients import PatientHasher
from app.ecgs.schemas import EcgMetadata
from app.imports.batch import Facts, Line
from app.kit.declared import repeated_keys
from app.kit.problems import field_errors
from app.kit.text import Name
from app.reports.schemas import ReportIn

LONGEST = 1024 * 1024  # bytes of a line


class BadLine(ValueError):
    """A line that is no reading; the message names its number and the field, and repeats nothing of it."""

    def __init__(self, number: int, field: str, reason: str) -> None:
        super().__init__(f"line {number}: {field}: {reason}" if field else f"line {number}: {reason}")


class ReportLine(ReportIn, EcgMetadata):
    """One line: a reading, and what is known of its ECG."""

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
    """Read JSON lines; `BadLine` at the first that is no reading. Empty lines are passed over."""
    number = 0
    while raw := file.readline(LONGEST + 1):
        number += 1
        if len(raw) > LONGEST:
            raise BadLine(number, "", f"is longer than {LONGEST:,} bytes")
        if not raw.strip():
            continue
        if repeated := repeated_keys(raw, ""):
            raise BadLine(number, "", repeated[0].reason)
        try:
            given = ReportLine.model_validate_json(raw)
        except ValidationError as error:
            first = field_errors(error.errors())[0]
            raise BadLine(number, first.field, first.reason) from error
        yield _line(given, hash_patient)


def _line(given: ReportLine, hash_patient: PatientHasher) -> Line:
    facts = Facts(
        given.recorded_at.isoformat() if given.recorded_at else None,
        given.site,
        given.device,
        given.device_software,
        None if given.sex == "unknown" else given.sex,
        given.age,
        hash_patient(given.patient_id).hex() if given.patient_id else None,
        given.simulated or None,
    )
    codes = None if given.codes is None else json.dumps([code.model_dump() for code in given.codes])
    authored_at = given.authored_at.isoformat() if given.authored_at else None
    return Line(given.record, facts, given.source, given.reader or "", given.text, codes, authored_at, given.final)
