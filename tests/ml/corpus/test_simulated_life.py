"""At a difficulty of 1 labels have no gaps around them, and readers differ about what lies near their limits."""

import numpy as np
import pytest

from ml.corpus.simulator import simulate
from ml.corpus.simulator.cases import _prevalence
from ml.corpus.simulator.ledger import TABLE_A1
from ml.corpus.simulator.life import (
    BORDER,
    FLUTTER_HZ,
    ORGANISED,
    TRAITS,
    Heart,
    heart,
    read_by_an_expert,
    sector,
)
from ml.signals import check

PREVALENCE = {label: _prevalence(label, "boosted") for label in TABLE_A1}


def population(difficulty: float, count: int = 3000) -> list[tuple[Heart, frozenset[str]]]:
    found = []
    for place in range(count):
        rng = np.random.default_rng([8, place])
        of = heart(PREVALENCE, rng, difficulty)
        found.append((of, read_by_an_expert(of, rng, difficulty)))
    return found


@pytest.fixture(scope="module")
def people() -> list[tuple[Heart, frozenset[str]]]:
    return population(1.0)


def test_sectors_are_the_guidelines() -> None:
    assert [sector(axis) for axis in (-91, -90, -31, -30, 89, 90, 179, 180, 269)] == [
        "rsad", "lad", "lad", "", "", "rad", "rad", "rsad", "rsad",
    ]  # fmt: skip


def test_axes_have_no_gaps(people: list[tuple[Heart, frozenset[str]]]) -> None:
    axes = np.sort([of.axis for of, _ in people])
    assert axes[0] >= -90 and axes[-1] < 270
    assert np.diff(axes[(axes > -80) & (axes < 160)]).max() < 4
    for limit in (-30, 90):
        assert ((axes > limit - 5) & (axes < limit + 5)).mean() > 0.01


@pytest.mark.parametrize("label", TRAITS)
def test_strengths_lie_on_both_sides_of_the_border(label: str, people: list[tuple[Heart, frozenset[str]]]) -> None:
    strengths = np.array([of.strength[label] for of, _ in people])
    assert ((strengths > BORDER - 0.15) & (strengths < BORDER)).sum() > 10
    assert ((strengths >= BORDER) & (strengths < BORDER + 0.15)).sum() > 10
    assert (strengths == 0).mean() > 0.5, "most hearts have nothing of it"


@pytest.mark.parametrize("label", TABLE_A1)
def test_readers_find_labels_about_as_often_as_asked_for(
    label: str, people: list[tuple[Heart, frozenset[str]]]
) -> None:
    share = np.mean([label in labels for _, labels in people])
    assert 0.75 * PREVALENCE[label] < share < 1.25 * PREVALENCE[label]


def test_flutter_and_atrial_tachycardia_are_one_scale(people: list[tuple[Heart, frozenset[str]]]) -> None:
    rates = {
        rhythm: np.array([of.atrial_hz for of, _ in people if of.rhythm == rhythm])
        for rhythm in ("aflutter", "atrial_tachycardia")
    }
    assert rates["atrial_tachycardia"].max() < FLUTTER_HZ <= rates["aflutter"].min()
    assert (rates["atrial_tachycardia"] > FLUTTER_HZ - 0.4).any() and (rates["aflutter"] < FLUTTER_HZ + 0.4).any()
    taken_for_it = [
        "aflutter" in said for of, said in people if of.rhythm == "atrial_tachycardia" and of.organised > ORGANISED
    ]
    assert 0.02 < np.mean(taken_for_it) < 0.5
    assert not any("aflutter" in said for of, said in people if of.rhythm in ("sinus_rhythm", "junctional"))


def test_readers_scatter_with_the_difficulty(people: list[tuple[Heart, frozenset[str]]]) -> None:
    def against_the_border(read: list[tuple[Heart, frozenset[str]]]) -> float:
        return float(np.mean([(of.strength[key] > BORDER) != (key in said) for of, said in read for key in TRAITS]))

    assert against_the_border(population(0.01, count=500)) == 0 < 0.005 < against_the_border(people)


def test_ecgs_as_in_life_are_whole_and_depend_on_seed_and_place_alone() -> None:
    short, long = (list(simulate(count, seed=5, difficulty=1.0)) for count in (20, 40))
    for one, other in zip(short, long, strict=False):
        assert np.array_equal(one.recording.samples, other.recording.samples) and one.overread == other.overread
    for ecg in long:
        mv = ecg.recording.millivolts()
        assert check(mv, ecg.recording.sampling_rate_hz) == []
        assert np.allclose(mv[2], mv[1] - mv[0], atol=1e-12) and np.allclose(mv[3], -(mv[0] + mv[1]) / 2, atol=1e-12)
        assert len(ecg.overread & {"sinus_rhythm", "afib", "aflutter"}) <= 1
    with pytest.raises(ValueError, match="difficulty"):
        next(simulate(1, seed=5, difficulty=3))
