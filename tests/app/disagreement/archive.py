"""Pairs put straight into the database, and the slow reference they are counted by."""

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, text

from app.disagreement.counting.selection import SEXES, PairFilter
from app.disagreement.pairs.queries import _cell_id, _value_ids
from app.ecgs.tables import Ecg
from app.kit.database import Database
from app.reports.queries import text_ids
from app.reports.tables import Report
from ml.labeling import builtin

LABELS = [label.key for label in builtin().labels]
ECG_FIELDS = ("id", "recorded_at", "site", "device", "device_software", "sex", "age", "simulated")


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
            and all(
                getattr(chosen, name) in (None, getattr(self, name))
                for name in ("site", "device", "device_software", "reader", "sex")
            )
            and (chosen.age_min is None or (self.age is not None and self.age >= chosen.age_min))
            and (chosen.age_max is None or (self.age is not None and self.age <= chosen.age_max))
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
        value: str | None = getattr(self, grouping)
        return value


def refused(pairs: Iterable[StoredPair], query: PairFilter) -> set[str]:
    """The fields of a question that can match nothing."""
    fields = set()
    start, end, youngest, oldest = query.recorded_from, query.recorded_to, query.age_min, query.age_max
    if start is not None and end is not None and start >= end:
        fields.add("query.from")
    if youngest is not None and oldest is not None and youngest > oldest:
        fields.add("query.age_min")
    pairs = list(pairs)
    for name, asked in query.names.items():
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
            names = {name: getattr(pair, name) for name in ("site", "device", "device_software", "reader")}
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
                    text_id=text_id,
                )
            )
            session.execute(
                text(
                    "INSERT INTO pairs (slot, ecg_id, cell_id, recorded_at, age, sex, site_id, device_id, "
                    "device_software_id, reader_id, simulated) VALUES (0, :id, :cell, :at, :age, :sex, :site, :device, "
                    ":device_software, :reader, :simulated)"
                ),
                {
                    "id": pair.id,
                    "cell": _cell_id(session, *pair.masks, 0),
                    "at": pair.recorded_at,
                    "age": pair.age,
                    "sex": SEXES.index(pair.sex),
                    "simulated": pair.simulated,
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
