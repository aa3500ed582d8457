"""Readers of known reliability: the service's figures find it."""

import pytest
from sqlalchemy.orm import Session

from app.kit.database import Database
from app.vocabularies.service import Labelers
from benchmarks.planted_readers import READERS, Figure, Reliability, figures, plant, planted_kappa


def slow_kappa(first: Reliability, second: Reliability, prevalence: float) -> float:
    """Cohen's kappa from the four probabilities of two who err independently."""
    cells = {(a, b): 0.0 for a in (True, False) for b in (True, False)}
    for there, share in ((True, prevalence), (False, 1 - prevalence)):
        says = [each.sensitivity if there else 1 - each.specificity for each in (first, second)]
        for a, b in cells:
            cells[a, b] += share * (says[0] if a else 1 - says[0]) * (says[1] if b else 1 - says[1])
    rows = [cells[True, True] + cells[True, False], cells[True, True] + cells[False, True]]
    expected = rows[0] * rows[1] + (1 - rows[0]) * (1 - rows[1])
    return (cells[True, True] + cells[False, False] - expected) / (1 - expected)


@pytest.mark.parametrize("prevalence", [0.05, 0.4])
def test_what_is_planted_is_cohens_kappa(prevalence: float) -> None:
    steady, tired = READERS["steady"], READERS["tired"]
    assert planted_kappa(steady, tired, prevalence) == pytest.approx(slow_kappa(steady, tired, prevalence))


def test_intervals_hold_what_was_planted(database: Database) -> None:
    labelers = Labelers()
    with Session(database.engine) as session:
        plant(session, labelers, ecgs=150, seed=7)
        found = list(figures(session, labelers))
        session.rollback()
    by_name = {each.what: each for each in found}
    assert len(found) == 62 and sum(each.holds for each in found) >= 0.9 * len(found)
    assert by_name["followed blind"].holds and by_name["followed shown"].holds
    assert by_name["followed blind"].high < by_name["followed shown"].low
    for label in ("afib", "lbbb", "rbbb", "lvh"):
        for kind in ("intra kappa", "gold kappa"):
            steady, tired = by_name[f"steady {kind} {label}"], by_name[f"tired {kind} {label}"]
            assert not tired._replace(planted=steady.planted).holds, "readers are told apart"
            assert isinstance(steady, Figure) and steady.ecgs == (75 * 2 if kind == "intra kappa" else 150)
