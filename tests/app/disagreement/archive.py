"""Pairs put straight into the database, and the slow reference they are counted by."""

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert, text

from app.disagreement.attributes import KNOWN, SEXES
from app.disagreement.counting.selection import PairFilter, names
from app.disagreement.pairs.queries import _cell_id, _value_ids
from app.ecgs.tables import Ecg
from app.kit.database import Database
from app.reports.queries import text_ids
from app.reports.tables import Report
from ml.labeling import builtin

LABELS = [label.key for label in builtin().labels]
ECG_FIELDS = (
    *("id", "recorded_at", "site", "location", "device", "device_software", "sex", "age", "simulated"),
    *("heart_rate", "qrs_axis"),
)
NAMES = ("site", "location", "device", "device_software", "reader")
EQUAL = (*NAMES, "sex", "hour", "weekday", "off_hours", "blinded", "validated")


@dataclass(frozen=True)
class StoredPair:
    """One pair as a person would write it down."""

    masks: tuple[int, int, int, int]
    recorded_at: datetime | None = None
    site: str | None = None
    device: str | None = None
    device_software: str | None = None
    reader: str | None = None
    sex: str = "unknown"
    age: float | None = None
    simulated: bool = False
    location: str | None = None
    time_zone: str = "UTC"
    blinded: str = "unknown"
    validated: str = "unknown"
    heart_rate: float | None = None
    qrs_axis: float | None = None
    id: uuid.UUID = field(default_factory=uuid.uuid4)

    def said(self, bit: int, hedged: str) -> tuple[bool, bool] | None:
        """What machine and over-read say of a label; None where the pair does not count for it."""
        machine, machine_hedged, overread, overread_hedged = (bool(mask >> bit & 1) for mask in self.masks)
        if hedged == "ignore" and (machine_hedged or overread_hedged):
            return None
        if hedged == "positive":
            return machine or machine_hedged, overread or overread_hedged
        return machine, overread

    def changed(self, hedged: str) -> int:
        """On how many labels the two differ."""
        readings = [self.said(bit, hedged) for bit in range(13)]
        return sum(said is not None and said[0] != said[1] for said in readings)

    def is_chosen(self, chosen: PairFilter) -> bool:
        """Whether a filter lets the pair through; where it does not say which kind, real pairs."""
        when = self.recorded_at
        return (
            self.simulated == bool(chosen.simulated)
            and (chosen.recorded_from is None or (when is not None and when >= chosen.recorded_from))
            and (chosen.recorded_to is None or (when is not None and when < chosen.recorded_to))
            and all(getattr(chosen, name) in (None, self.group(name)) for name in EQUAL)
            and all(self._is_between(name, chosen) for name in ("age", "heart_rate", "qrs_axis"))
        )

    def _is_between(self, name: str, chosen: PairFilter) -> bool:
        least, most, value = getattr(chosen, f"{name}_min"), getattr(chosen, f"{name}_max"), getattr(self, name)
        if value is not None and name != "age":
            value = round(value)
        return (least is None or (value is not None and value >= least)) and (
            most is None or (value is not None and value <= most)
        )

    def group(self, grouping: str) -> str | int | None:
        """The pair's group."""
        if grouping == "age":
            return None if self.age is None else int(self.age // 10 * 10)
        if grouping in ("month", "year"):
            if self.recorded_at is None:
                return None
            at = self.recorded_at.astimezone(UTC)
            return at.year if grouping == "year" else f"{at:%Y-%m}"
        if grouping in ("hour", "weekday", "off_hours"):
            if self.recorded_at is None:
                return None
            local = self.recorded_at.astimezone(ZoneInfo(self.time_zone))
            off = local.hour >= 17 or local.hour < 8 or local.isoweekday() in (6, 7)
            return {"hour": local.hour, "weekday": local.isoweekday(), "off_hours": off}[grouping]
        if grouping in ("heart_rate", "qrs_axis"):
            measured, width = getattr(self, grouping), {"heart_rate": 10, "qrs_axis": 30}[grouping]
            return None if measured is None else round(measured) // width * width
        value: str | None = getattr(self, grouping)
        return value


def refused(pairs: Iterable[StoredPair], query: PairFilter) -> set[str]:
    """The fields of a question that can match nothing."""
    fields = set()
    start, end = query.recorded_from, query.recorded_to
    if start is not None and end is not None and start >= end:
        fields.add("query.from")
    for name in ("age", "heart_rate", "qrs_axis"):
        least, most = getattr(query, f"{name}_min"), getattr(query, f"{name}_max")
        if least is not None and most is not None and least > most:
            fields.add(f"query.{name}_min")
    pairs = list(pairs)
    for name, asked in names(query).items():
        if not any(
            getattr(pair, name) == asked and (name == "reader" or pair.simulated == bool(query.simulated))
            for pair in pairs
        ):
            fields.add(f"query.{name}")
    return fields


def store(database: Database, pairs: Iterable[StoredPair]) -> None:
    """Store ECGs and pairs as they are; of their reports only whose over-read it is."""
    with database.begin() as session:
        [text_id] = text_ids(session, [("AF", None)])
        for pair in pairs:
            names = {name: getattr(pair, name) for name in NAMES}
            ids = _value_ids(session, names)
            session.execute(
                insert(Ecg).values(
                    waveform_sha256=pair.id.hex * 2,
                    samples=5000,
                    sampling_rate_hz=500,
                    **{name: getattr(pair, name) for name in ECG_FIELDS},
                )
            )
            session.execute(
                insert(Report).values(
                    ecg_id=pair.id,
                    source="overread",
                    reader=pair.reader or "",
                    version=1,
                    current=True,
                    blinded=pair.blinded,
                    validated=pair.validated,
                    text_id=text_id,
                )
            )
            session.execute(
                text(
                    "INSERT INTO pairs (slot, ecg_id, cell_id, recorded_at, age, sex, site_id, device_id, "
                    "device_software_id, reader_id, simulated, location_id, hour, weekday, blinded, validated, "
                    "heart_rate, qrs_axis) VALUES (0, :id, :cell, :at, :age, :sex, :site, :device, :device_software, "
                    ":reader, :simulated, :location, :hour, :weekday, :blinded, :validated, :heart_rate, :qrs_axis)"
                ),
                {
                    "id": pair.id,
                    "cell": _cell_id(session, *pair.masks, 0),
                    "at": pair.recorded_at,
                    "age": pair.age,
                    "sex": SEXES.index(pair.sex),
                    "simulated": pair.simulated,
                    "hour": -1 if pair.group("hour") is None else pair.group("hour"),
                    "weekday": -1 if pair.group("weekday") is None else pair.group("weekday"),
                    "blinded": KNOWN.index(pair.blinded),
                    "validated": KNOWN.index(pair.validated),
                    "heart_rate": None if pair.heart_rate is None else round(pair.heart_rate),
                    "qrs_axis": None if pair.qrs_axis is None else round(pair.qrs_axis),
                    **{name: ids.get(name, 0) for name in names},
                },
            )


def counted(pairs: Iterable[StoredPair], hedged: str) -> dict[str, Any]:
    """Count pairs one by one, as the table shows them."""
    pairs = list(pairs)
    labels = {}
    for bit, label in enumerate(LABELS):
        count = Counter(pair.said(bit, hedged) for pair in pairs)
        labels[label] = (count[True, True], count[False, True], count[True, False], count[False, False])
    changed = [pair.changed(hedged) for pair in pairs]
    return {
        "pairs": len(pairs),
        "differing": sum(number > 0 for number in changed),
        "changes": sum(changed),
        "labels": labels,
    }


def known(pairs: Iterable[StoredPair]) -> dict[str, dict[str, int]]:
    """Count how many pairs are blinded, and validated."""
    pairs = list(pairs)
    return {
        name: {word: sum(getattr(pair, name) == word for pair in pairs) for word in KNOWN}
        for name in ("blinded", "validated")
    }


def shown(table: dict[str, Any]) -> dict[str, Any]:
    """What `counted` counts, of a table the service answered with."""
    rows = {
        row["label"]: (
            row["both"],
            row["added"],
            row["removed"],
            row["pairs"] - row["both"] - row["added"] - row["removed"],
        )
        for row in table["labels"]
    }
    return {name: table[name] for name in ("pairs", "differing", "changes")} | {"labels": rows}
