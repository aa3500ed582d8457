"""A simulated archive in the database, and its table beside the ledger it was made from."""

import json
from collections.abc import Iterator
from typing import NamedTuple

from app.ecgs.patients import PatientHasher
from app.imports import queries
from app.imports.batch import Facts, Line
from app.imports.loader import Loaded
from app.imports.service import Progress, audited_load
from app.kit.database import Database
from app.settings import Settings
from app.vocabularies.service import Labelers
from ml.corpus.simulator import Ledger, SimulatedPair, simulate_pairs
from ml.corpus.simulator.ledger import Counts, as_json


class Archive(NamedTuple):
    """A simulated archive: these three say every word of it."""

    ledger: Ledger
    pairs: int
    seed: int

    @property
    def records(self) -> str:
        """How the names of its records begin."""
        return f"simulated/table-a1/{self.pairs}/{self.seed}/"

    def as_json(self) -> str:
        """Write the ledger."""
        return json.dumps(as_json(self.ledger, self.pairs, self.seed), indent=2) + "\n"


class Comparison(NamedTuple):
    """The ledger and, by label, what the database counts (None: the active vocabulary has no such label)."""

    archive: Archive
    pairs: int
    counted: dict[str, Counts | None]

    def is_right(self) -> bool:
        """Whether every cell of the table is the ledger's."""
        return self.pairs == self.archive.pairs and not any(map(self._differs, self.archive.ledger))

    def shown(self) -> str:
        """Write the table for people: a line a label, the ledger's line below where it differs."""
        head = ("machine", "over-read", "disagree", "added", "removed", "+added %", "-removed %")
        lines = [f"{self.pairs:,} pairs in the table, {self.archive.pairs:,} in the ledger", ""]
        lines.append(f"{'':<14}" + "".join(f"{name:>12}" for name in head))
        for label, row in self.archive.ledger.items():
            found = self.counted[label]
            if found is not None:
                lines.append(_line(label, found))
            if self._differs(label):
                lines.append(_line("  ledger", row) + "  differs")
        right = self.is_right()
        lines += ["", "every cell is the ledger's" if right else "THE TABLE DIFFERS FROM THE LEDGER"]
        return "\n".join(lines)

    def _differs(self, label: str) -> bool:
        return self.counted[label] != self.archive.ledger[label]


def load(database: Database, settings: Settings, actor: str, archive: Archive, *, progress: Progress) -> Loaded:
    """Store an archive, marked as simulated. The same archive again changes nothing."""
    what = {"simulated_pairs": archive.pairs, "seed": archive.seed}
    return audited_load(
        database, settings, actor, what, lines=_lines(archive, PatientHasher(settings)), progress=progress
    )


def table(database: Database, archive: Archive) -> Comparison:
    """Count the archive's pairs under the active vocabulary, hedged findings as positive."""
    with database.begin() as session:
        rules = Labelers().active(session)
        cells = queries.count_cells_of(session, rules.slot, archive.records)
    bits = {label.key: bit for bit, label in enumerate(rules.vocabulary.labels)}
    counted = {label: _count(cells, bits[label]) if label in bits else None for label in archive.ledger}
    return Comparison(archive, sum(pairs for *_, pairs in cells), counted)


def _count(cells: list[tuple[int, int, int]], bit: int) -> Counts:
    machine = added = removed = 0
    for said, meant, pairs in cells:
        m, o = said >> bit & 1, meant >> bit & 1
        machine += m * pairs
        added += (o > m) * pairs
        removed += (m > o) * pairs
    return Counts(machine, added, removed)


def _line(label: str, row: Counts) -> str:
    counts = (row.machine, row.overread, row.disagreement, row.added, row.removed)
    rates = (f"{100 * count / row.machine:.2f}" if row.machine else "" for count in (row.added, row.removed))
    return f"{label:<14}" + "".join(f"{cell:>12}" for cell in (*(f"{count:,}" for count in counts), *rates))


def _lines(archive: Archive, hash_patient: PatientHasher) -> Iterator[Line]:
    for pair in simulate_pairs(archive.ledger, archive.pairs, archive.seed):
        record = f"{archive.records}{pair.number}"
        facts = _facts(pair, hash_patient(f"simulated-{archive.seed}-{pair.patient}"))
        yield Line(record, facts, "machine", "", pair.machine_report, None, pair.recorded_at, False)
        yield Line(record, facts, "overread", pair.reader, pair.overread_report, None, pair.authored_at, False)


def _facts(pair: SimulatedPair, patient: bytes) -> Facts:
    software, age = pair.device_software, float(pair.age)
    return Facts(pair.recorded_at, pair.site, pair.device, software, pair.sex, age, patient.hex(), True)
