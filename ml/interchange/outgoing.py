"""What goes out with a waveform: facts, readings and their findings."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from ml.formats.ecg_file import Facts, Known, Source
from ml.labeling.findings import PRECEDENCE, Code, Status

ADDRESSES = uuid.UUID("6f6ab5b5-41f2-4c0c-9f5c-2f3d1f9f7c3a")
"""The namespace of every identifier that is made here: what is the same has the same identifier."""


class Coded(NamedTuple):
    """How a measurement of the device is called elsewhere: its LOINC code, its MDC code, its name, its unit in UCUM.

    LOINC as in the value set of clinical tests of US Core 5.0.1; MDC (ISO 11073-10101) as in the context groups 3227
    to 3229 of DICOM (PS3.16), which have no heart rate.
    """

    loinc: str
    mdc: str | None
    name: str
    unit: str


CODED: dict[str, Coded] = {
    "heart_rate": Coded("8867-4", None, "Heart rate", "/min"),
    "pr_ms": Coded("8625-6", "2:15872", "PR interval", "ms"),
    "qrs_ms": Coded("8633-0", "2:16156", "QRS duration", "ms"),
    "qt_ms": Coded("8634-8", "2:16160", "QT interval", "ms"),
    "qtc_ms": Coded("8636-3", "2:15876", "QTc interval", "ms"),
    "p_axis": Coded("8626-4", "2:16128", "P axis", "deg"),
    "qrs_axis": Coded("8632-2", "2:16132", "QRS axis", "deg"),
    "t_axis": Coded("8638-9", "2:16136", "T axis", "deg"),
}


class Result(NamedTuple):
    """What a reading says of a label."""

    label: str
    name: str
    status: Status

    @property
    def code(self) -> str:
        """The label's key, with the status unless it is `present`: the key alone never means another status."""
        return self.label if self.status == "present" else f"{self.label}.{self.status}"

    @property
    def meaning(self) -> str:
        """The label's name, with the status where it is not `present`."""
        return self.name if self.status == "present" else f"{self.name} ({self.status})"


@dataclass(frozen=True, kw_only=True)
class OutgoingReading:
    """A reading as it goes out. `reader` is a pseudonym, `at` when it was written or, unless that is known, stored."""

    id: uuid.UUID
    source: Source
    text: str | None
    reader: str | None
    version: int
    at: datetime
    blinded: Known = "unknown"
    validated: Known = "unknown"
    results: Sequence[Result]
    codes: Sequence[Code]


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """An ECG as it goes out, without its waveform. `vocabulary` is the version under which the findings were read."""

    id: uuid.UUID
    waveform_sha256: str | None
    stored_at: datetime
    facts: Facts
    vocabulary: str
    readings: Sequence[OutgoingReading]

    def named(self, *parts: str) -> uuid.UUID:
        """Return the identifier of a part of this ECG."""
        return uuid.uuid5(ADDRESSES, "\n".join((str(self.id), *parts)))


def results_of(findings: Sequence[Result]) -> list[Result]:
    """Return each label once, with the status that counts, in the order of their first mention."""
    found: dict[str, Result] = {}
    for each in findings:
        known = found.get(each.label)
        if known is None or PRECEDENCE.index(each.status) < PRECEDENCE.index(known.status):
            found[each.label] = each
    return list(found.values())
