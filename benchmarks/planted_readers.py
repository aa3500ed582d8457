"""Whether figures of readers find what was planted: `python -m benchmarks.planted_readers [--ecgs N] [--archives N]`.

Readers of known sensitivity and specificity read the same ECGs, their own ones again, and gold; the service's own
figures (`app.reviews.quality`) are compared with the kappas that follow from the planted numbers. One reader repeats a
wrong statement of the machine as often as Tsai 2003 found, blind and shown. Printed are, for one archive, each figure
beside what was planted, and over several archives how often the 95 % intervals hold it. The database is a private
PostgreSQL; nothing is drawn but by `--seed`.
"""

import argparse
import platform
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from app.auth import service as auth
from app.auth.queries import user_named
from app.ecgs.filters import EcgFilter
from app.ecgs.tables import Ecg
from app.embedded.postgres import EmbeddedPostgres
from app.kit.database import Database
from app.migrate import migrate
from app.reports import queries as report_queries
from app.reports import service as reports
from app.reports.tables import Report
from app.reviews.lists.schemas import Mode
from app.reviews.quality import service
from app.reviews.quality.queries import Asked
from app.reviews.tables import ReviewGold, ReviewItem, ReviewList, ReviewReading, ReviewVersion
from app.settings import Settings
from app.vocabularies.service import Labelers

LABELS = {
    "afib": ("Atrial fibrillation", 0.3),
    "lbbb": ("Left bundle branch block", 0.2),
    "rbbb": ("Right bundle branch block", 0.25),
    "lvh": ("Left ventricular hypertrophy", 0.4),
}
"""Keys, words and prevalence."""
NORMAL = "Normal ECG"
TSAI = {"blind": 0.346, "shown": 0.677}
"""How often a wrong interpretation was followed without it and with it (Tsai 2003)."""
AT = datetime(2026, 1, 1, tzinfo=UTC)

Bits = NDArray[np.bool_]  # (ECG, label)


class Reliability(NamedTuple):
    """How often a reader states a label that is there, and leaves out one that is not."""

    sensitivity: float
    specificity: float


READERS = {
    "steady": Reliability(0.97, 0.99),
    "usual": Reliability(0.9, 0.95),
    "tired": Reliability(0.75, 0.88),
}
MACHINE = Reliability(0.9, 0.8)
TRUTH = Reliability(1.0, 1.0)


def planted_kappa(first: Reliability, second: Reliability, prevalence: float) -> float:
    """Return Cohen's kappa of two who err independently of each other."""
    there, absent = prevalence, 1 - prevalence
    positive = [there * each.sensitivity + absent * (1 - each.specificity) for each in (first, second)]
    both = there * first.sensitivity * second.sensitivity + absent * (1 - first.specificity) * (1 - second.specificity)
    agree = 1 - positive[0] - positive[1] + 2 * both
    expected = positive[0] * positive[1] + (1 - positive[0]) * (1 - positive[1])
    return (agree - expected) / (1 - expected)


@dataclass
class Planting:
    """An archive in which readers have read; rows are written when it is whole."""

    session: Session
    draw: np.random.Generator
    text_of: Mapping[int, int]
    rows: dict[Any, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, table: Any, **values: Any) -> uuid.UUID:
        """Add a row, with an id of its own."""
        row = {"id": uuid.UUID(bytes=self.draw.bytes(16)), **values}
        self.rows.setdefault(table, []).append(row)
        return uuid.UUID(str(row["id"]))

    def bare(self, table: Any, **values: Any) -> None:
        """Add a row of a table without ids."""
        self.rows.setdefault(table, []).append(values)

    def write(self) -> None:
        """Write all rows."""
        for table in (Ecg, Report, ReviewGold, ReviewList, ReviewItem, ReviewReading, ReviewVersion):
            if rows := self.rows.get(table):
                if table is ReviewItem:  # what is repeated comes first
                    rows.sort(key=lambda row: row["repeats"] is not None)
                self.session.execute(insert(table), rows)

    def ecgs(self, truth: Bits, machine: Bits) -> list[uuid.UUID]:
        """Add ECGs with a machine's report."""
        ids = []
        for said in machine:
            digest = self.draw.bytes(32).hex()
            ids.append(self.add(Ecg, waveform_sha256=digest, samples=5000, sampling_rate_hz=500.0, simulated=False))
            self.add(
                Report, ecg_id=ids[-1], source="machine", version=1, current=True, text_id=self.text_of[_mask(said)]
            )
        return ids

    def review_list(self, mode: Mode) -> uuid.UUID:
        """Add a list."""
        return self.add(
            ReviewList, name="planted", mode=mode, rule={}, filters={}, weights={}, readings=2, repeat_share=0.0,
            repeat_after_days=0, gold_share=0.0, claim_minutes=60, created_by="planted",
        )  # fmt: skip

    def read(self, list_id: uuid.UUID, mode: Mode, user_id: uuid.UUID, *, ecg_id: uuid.UUID, said: Bits, purpose: str,
             repeats: uuid.UUID | None = None) -> uuid.UUID:  # fmt: skip
        """Add a signed reading of one ECG; return its item."""
        own = user_id if purpose in ("repeat", "gold") else None
        item_id = self.add(
            ReviewItem, list_id=list_id, ecg_id=ecg_id, position=0, purpose=purpose, blind=mode == "blind",
            for_user=own, repeats=repeats, state="signed", claimed_by=user_id,
        )  # fmt: skip
        text_id = self.text_of[_mask(said)]
        first = {"first_text_id": text_id, "locked_at": AT, "blinded": True} if mode == "blind" else {}
        reading_id = self.add(
            ReviewReading,
            item_id=item_id,
            user_id=user_id,
            **{"first_text_id": None, "locked_at": None, "blinded": None, **first},
        )
        self.bare(ReviewVersion, reading_id=reading_id, version=1, text_id=text_id)
        return item_id


def _mask(said: Bits) -> int:
    return sum(1 << bit for bit, positive in enumerate(said) if positive)


def _read(draw: np.random.Generator, truth: Bits, by: Reliability) -> Bits:
    says = np.where(truth, by.sensitivity, 1 - by.specificity)
    return np.asarray(draw.random(truth.shape) < says)


class Figure(NamedTuple):
    """A figure that the service gave, with its interval, beside what was planted."""

    what: str
    ecgs: int
    planted: float
    found: float
    low: float
    high: float

    @property
    def holds(self) -> bool:
        """Whether the interval holds what was planted."""
        return self.low <= self.planted <= self.high


def plant(session: Session, labelers: Labelers, *, ecgs: int, seed: int) -> None:
    """Fill an archive: each two readers read `ecgs` ECGs and repeat half of them; all read as many gold ones."""
    draw = np.random.default_rng(seed)
    rules = labelers.maintained(session)
    texts = [
        "\n".join(words for bit, (words, _) in enumerate(LABELS.values()) if mask >> bit & 1) or NORMAL
        for mask in range(1 << len(LABELS))
    ]
    ids = report_queries.text_ids(session, [(words, None) for words in texts])
    reports.label_new(session, rules, {key: (words, None) for key, words in zip(ids, texts, strict=True)})
    planting = Planting(session, draw, dict(enumerate(ids)))
    users = {name: auth.create_user(session, "planted", name, "reader").id for name in (*READERS, "tsai")}
    prevalence = np.array([share for _, share in LABELS.values()])
    names = list(READERS)
    for first, second in zip(names, [*names[1:], names[0]], strict=True):
        truth = draw.random((ecgs, len(LABELS))) < prevalence
        list_id = planting.review_list("blind")
        for place, ecg_id in enumerate(planting.ecgs(truth, _read(draw, truth, MACHINE))):
            for name, purpose in ((first, "read"), (second, "second")):
                said = _read(draw, truth[place], READERS[name])
                item = planting.read(list_id, "blind", users[name], ecg_id=ecg_id, said=said, purpose=purpose)
                if place % 2:
                    said = _read(draw, truth[place], READERS[name])
                    planting.read(
                        list_id, "blind", users[name], ecg_id=ecg_id, said=said, purpose="repeat", repeats=item
                    )
    truth = draw.random((ecgs, len(LABELS))) < prevalence
    machine = _read(draw, truth, MACHINE)
    lists: dict[Mode, uuid.UUID] = {
        "blind": planting.review_list("blind"),
        "assisted": planting.review_list("assisted"),
    }
    for place, ecg_id in enumerate(planting.ecgs(truth, machine)):
        planting.bare(
            ReviewGold, ecg_id=ecg_id, text_id=planting.text_of[_mask(truth[place])], added_by="planted", added_at=AT
        )
        for name, by in READERS.items():
            said = _read(draw, truth[place], by)
            planting.read(lists["blind"], "blind", users[name], ecg_id=ecg_id, said=said, purpose="gold")
        for mode, reading in (("blind", "blind"), ("assisted", "shown")):
            wrong = machine[place] & ~truth[place]
            said = truth[place] | (wrong & (draw.random(len(LABELS)) < TSAI[reading]))
            assert mode in ("blind", "assisted")
            planting.read(lists[mode], mode, users["tsai"], ecg_id=ecg_id, said=said, purpose="gold")  # type: ignore[index, arg-type]
    planting.write()


def figures(session: Session, labelers: Labelers) -> Iterator[Figure]:
    """Yield what the service says of the readers, each figure beside what was planted."""
    rules = labelers.active(session)

    def asked(name: str) -> Asked:
        user = user_named(session, name)
        assert user is not None
        chosen = EcgFilter(simulated=False)
        return Asked(vocabulary_id=rules.id, chosen=chosen, user_id=user.id, mode="blind")

    names = list(READERS)
    for name, own in READERS.items():
        said = service.quality(session, rules, name, asked(name), hedged="positive")
        partners = [READERS[names[names.index(name) - 1]], READERS[names[(names.index(name) + 1) % len(names)]]]
        for key, (_, prevalence) in LABELS.items():
            row = {
                kind: next(each for each in said[kind] if each["label"] == key) for kind in ("intra", "gold", "inter")
            }
            yield _figure(f"{name} intra kappa {key}", row["intra"], "kappa", planted_kappa(own, own, prevalence))
            yield _figure(f"{name} gold kappa {key}", row["gold"], "kappa", planted_kappa(TRUTH, own, prevalence))
            yield _figure(f"{name} gold sensitivity {key}", row["gold"], "sensitivity", own.sensitivity)
            yield _figure(f"{name} gold specificity {key}", row["gold"], "specificity", own.specificity)
            mixed = _mixed(own, partners, prevalence)
            yield _figure(f"{name} inter kappa {key}", row["inter"], "kappa", mixed)
    said = service.quality(session, rules, "tsai", asked("tsai"), hedged="positive")["followed"]
    for reading, share in TSAI.items():
        yield _figure(f"followed {reading}", {**said[reading], "ecgs": said[reading]["wrong"]}, "share", share)


def _mixed(own: Reliability, others: Sequence[Reliability], prevalence: float) -> float:
    """Return the kappa of a reader beside two others, who read as many ECGs each."""
    mean = Reliability(*(float(np.mean(values)) for values in zip(*others, strict=True)))
    return planted_kappa(own, mean, prevalence)  # positives and agreement are linear in the other's two numbers


def _figure(what: str, row: Mapping[str, Any], name: str, planted: float) -> Figure:
    low, high = row[f"{name}_ci"]
    return Figure(what, row["ecgs"], planted, row[name], low, high)


def main() -> None:
    """Print the figures of one archive, and how often the intervals hold in several."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ecgs", type=int, default=300)
    parser.add_argument("--archives", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    held = of = 0
    labelers = Labelers()
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder), durable=False) as url:
        database = Database(Settings(database_url=url, data_dir=Path(folder), _env_file=None))
        migrate(database)
        for archive in range(given.archives):
            connection = database.engine.connect()
            with Session(connection) as session:  # never committed: the next archive starts empty
                plant(session, labelers, ecgs=given.ecgs, seed=given.seed + archive)
                session.execute(text("ANALYZE"))
                found = list(figures(session, labelers))
                if archive == 0:
                    _print(found)
                held += sum(each.holds for each in found)
                of += len(found)
                session.rollback()
            connection.close()
        database.close()
    print(f"\n{held} of {of} intervals hold what was planted ({100 * held / of:.1f} %), {given.archives} archives")
    print(f"{given.ecgs} ECGs a pair of readers; {platform.machine()}, Python {platform.python_version()}")


def _print(found: Sequence[Figure]) -> None:
    print(f"{'figure':<34}{'n':>6}{'planted':>9}{'found':>8}   95 % interval")
    for each in found:
        mark = "" if each.holds else "   does not hold it"
        interval = f"{each.low:.3f} to {each.high:.3f}"
        print(f"{each.what:<34}{each.ecgs:>6}{each.planted:>9.3f}{each.found:>8.3f}   {interval}{mark}")


if __name__ == "__main__":
    main()
