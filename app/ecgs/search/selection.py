"""Which ECGs are searched for."""

import uuid
from dataclasses import dataclass

from app.ecgs.filters import EcgFilter
from app.reports.schemas import Source, Status


@dataclass(frozen=True)
class WithFinding:
    """ECGs whose report that counts, of one source, has a finding under the active vocabulary."""

    vocabulary_id: uuid.UUID
    bit: int
    source: Source
    status: Status


@dataclass(frozen=True, kw_only=True)
class EcgSearch(EcgFilter):
    """Which ECGs are listed. A record is one ECG, real or simulated: then `simulated` may stay None."""

    record: str | None = None
    location: str | None = None
    patient_hash: bytes | None = None
    order_hash: bytes | None = None
    has_waveform: bool | None = None
    finding: WithFinding | None = None
    NAMES = ("site", "location", "device")
