"""Pairs put straight into the database, and the slow reference they are counted by."""

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text

from app.disagreement.counting.selection import SEXES, PairFilter
from app.disagreement.queries import _cell_id, _value_ids
from app.kit.database import Database
from ml.labeling import builtin

LABELS = [label.key for label in builtin().labels]


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
        """Whether a filter lets the pair through."""
        when = self.recorded_at
        return (
            (chosen.recorded_from is None or (when is not None and when >= chosen.recorded_from))
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


def store(database: Database, pairs: Iterable[StoredPair]) -> None:
    """Store ECGs and pairs as they are, without reports."""
    with database.begin() as session:
        for pair in pairs:
            names = {name: getattr(pair, name) for name in ("site", "device", "device_software", "reader")}
            ids = _value_ids(session, names)
            session.execute(
                text("INSERT INTO ecgs (id, waveform_sha256, samples, sampling_rate_hz) VALUES (:id, :sha, 5000, 500)"),
                {"id": pair.id, "sha": pair.id.hex * 2},
            )
            session.execute(
                text(
                    "INSERT INTO pairs (slot, ecg_id, cell_id, recorded_at, age, sex, site_id, device_id, "
                    "device_software_id, reader_id) VALUES (0, :id, :cell, :at, :age, :sex, :site, :device, "
                    ":device_software, :reader)"
                ),
                {
                    "id": pair.id,
                    "cell": _cell_id(session, *pair.masks),
                    "at": pair.recorded_at,
                    "age": pair.age,
                    "sex": SEXES.index(pair.sex),
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
