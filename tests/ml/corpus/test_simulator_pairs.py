"""A simulated archive says what its ledger says: read by the labeler, every count is the ledger's."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.corpus.simulator import simulate_pairs, table_a1
from ml.corpus.simulator.ledger import LABELS, STUDIES, TABLE_A1
from ml.corpus.simulator.phrases import (
    BOTH,
    CARDIOLOGIST,
    COMPARISONS,
    CORRECTIONS,
    MEASUREMENTS,
    MUSE,
    OWN_WORDS,
    PHILIPS,
    PLAIN_NAMES,
    Style,
)
from ml.corpus.simulator.urns import draw
from ml.labeling import builtin_labeler

LABELER = builtin_labeler()
RHYTHMS = 1 << LABELS.index("sinus_rhythm") | 1 << LABELS.index("afib") | 1 << LABELS.index("aflutter")


def positive(text: str) -> set[str]:
    return {finding.label for finding in LABELER.read(text).findings if finding.status in ("present", "uncertain")}


def filled(phrase: str) -> str:
    return phrase.replace("{date}", "12-MAR-2019").replace("{time}", "10:22").replace("{n}", "77")


def counted(machine: np.ndarray, overread: np.ndarray) -> dict[str, tuple[int, int, int]]:
    """Machine-positive, added and removed, one label at a time."""
    table = {}
    for bit, label in enumerate(LABELS):
        m, o = machine >> bit & 1 == 1, overread >> bit & 1 == 1
        table[label] = int(m.sum()), int((o & ~m).sum()), int((m & ~o).sum())
    return table


def test_at_the_papers_size_the_ledger_is_table_a1() -> None:
    for label, row in table_a1(STUDIES).items():
        assert (row.machine, row.overread, row.disagreement) == TABLE_A1[label]


@given(st.integers(1_000, 60_000), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_every_count_drawn_is_the_ledgers(pairs: int, seed: int) -> None:
    ledger = table_a1(pairs)
    chunks = list(draw(ledger, pairs, np.random.default_rng(seed)))
    machine, overread = (np.concatenate(masks) for masks in zip(*chunks, strict=True))
    assert counted(machine, overread) == ledger
    assert len(machine) == pairs


def test_one_rhythm_in_almost_every_reading_and_infarcts_of_the_back_wall_with_the_lower() -> None:
    chunks = list(draw(table_a1(100_000), 100_000, np.random.default_rng(3)))
    machine, overread = (np.concatenate(masks) for masks in zip(*chunks, strict=True))
    assert np.mean(np.bitwise_count(machine & RHYTHMS) <= 1) == 1
    assert np.mean(np.bitwise_count(overread & RHYTHMS) <= 1) > 0.985
    inferior, posterior = 1 << LABELS.index("inferior_mi"), 1 << LABELS.index("posterior_mi")
    added = (overread & ~machine & posterior) != 0
    assert np.mean(overread[added] & inferior != 0) > 0.6
    assert 0.11 < np.mean(machine != overread) < 0.22  # what the paper's sums allow


@pytest.mark.parametrize("style", [MUSE, PHILIPS, CARDIOLOGIST], ids=["muse", "philips", "cardiologist"])
def test_a_phrase_says_its_label_and_no_other(style: Style) -> None:
    for phrases in (style.firm, style.hedged):
        for label, several in phrases.items():
            assert {(phrase, *positive(filled(phrase))) for phrase in several} == {(p, label) for p in several}
    hedged = [phrase for several in style.hedged.values() for phrase in several]
    assert {finding.status for phrase in hedged for finding in LABELER.read(phrase).findings} == {"uncertain"}
    silent = [*style.asides, *style.no_label, style.ordinary, style.otherwise, style.abnormal]
    assert {phrase for phrase in silent if positive(phrase)} == set()
    assert set(style.firm) == set(LABELS)


def test_what_is_said_besides_says_no_label() -> None:
    corrections = [each.format(name=name) for each in CORRECTIONS for name in PLAIN_NAMES.values()]
    assert [said for said in corrections if positive(said)] == []
    assert [said for said in map(filled, [*COMPARISONS, *MEASUREMENTS, *OWN_WORDS]) if positive(said)] == []
    for labels, phrases in BOTH.items():
        assert [phrase for phrase in phrases if positive(phrase) != set(labels)] == []


@pytest.mark.parametrize("seed", [1, 2])
def test_read_by_the_labeler_every_count_is_the_ledgers(seed: int) -> None:
    ledger = table_a1(5_000)
    counts = {label: Counter[str]() for label in LABELS}
    for pair in simulate_pairs(ledger, 5_000, seed):
        machine, overread = positive(pair.machine_report), positive(pair.overread_report)
        for label in LABELS:
            m, o = label in machine, label in overread
            counts[label].update(machine=m, added=o and not m, removed=m and not o)
    assert {label: (c["machine"], c["added"], c["removed"]) for label, c in counts.items()} == ledger


def test_a_seed_says_every_word_and_patients_stay_who_they_are() -> None:
    ledger = table_a1(3_000)
    first, again = (list(simulate_pairs(ledger, 3_000, 4)) for _ in range(2))
    assert first == again
    assert first[:50] != list(islice(simulate_pairs(ledger, 3_000, 5), 50))
    sexes: dict[int, set[str]] = {}
    for pair in first:
        sexes.setdefault(pair.patient, set()).add(pair.sex)
    assert len(sexes) < 3_000 and all(len(found) == 1 for found in sexes.values())
    times = [pair.recorded_at for pair in first]
    assert times != sorted(times) and len({time[:4] for time in times}) >= 6
    own = sum(pair.overread_report not in {p.machine_report for p in first} for pair in first)
    assert own > 0.3 * 3_000


def test_too_few_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1,000"):
        table_a1(999)
