"""A simulated machine errs as Table A.1 says, at random or by rule, on the same ECGs."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from ml.corpus.simulator import simulate
from ml.corpus.simulator.__main__ import main
from ml.corpus.simulator.fit import Sample, errors, fitted
from ml.corpus.simulator.ledger import STUDIES, TABLE_A1
from ml.corpus.simulator.machines import CHANCES, EXCLUSIVE, FITTED_DIFFICULTIES, RuleMachine, rule_machine
from ml.corpus.store import Store
from ml.rules import read
from ml.rules.machine import ErringLabel, ErrorRates


@pytest.mark.parametrize("difficulty", FITTED_DIFFICULTIES)
def test_both_machines_read_the_same_ecgs(difficulty: float) -> None:
    by_chance = list(simulate(6, seed=3, difficulty=difficulty))
    by_rule = list(simulate(9, seed=3, difficulty=difficulty, machine="rule"))
    for one, other in zip(by_chance, by_rule, strict=False):
        assert np.array_equal(one.recording.samples, other.recording.samples)
        assert one.overread == other.overread and one.patient_id == other.patient_id
    assert [ecg.machine for ecg in by_chance] != [ecg.machine for ecg in by_rule[:6]]


def test_the_rule_machine_says_what_its_scores_say() -> None:
    machine = rule_machine("boosted", 1.0, 0.0)
    for place, ecg in enumerate(simulate(8, seed=4, difficulty=1.0, machine="rule", chance=0.0)):
        scores = read(ecg.recording, sex=ecg.sex).scores
        rng = np.random.default_rng([4, place, 4])  # among equal scores chance decides
        assert ecg.machine == machine.of_scores(scores, ecg.overread, rng)


def test_there_are_thresholds_for_every_world() -> None:
    for rates, difficulty, chance in itertools.product(("boosted", "table_a1"), FITTED_DIFFICULTIES, CHANCES):
        rule_machine(rates, difficulty, chance)
    with pytest.raises(ValueError, match=r"no machine was fitted for difficulty 0\.7"):
        next(simulate(1, seed=0, difficulty=0.7, machine="rule"))
    with pytest.raises(ValueError, match=r"share of chance of 0\.3"):
        next(simulate(1, seed=0, machine="rule", chance=0.3))


@pytest.mark.parametrize("chance", [0.0, 0.5])
def test_a_fitted_machine_errs_as_often_as_table_a1_says(chance: float) -> None:
    rng = np.random.default_rng(5)
    is_true = rng.random((4000, len(TABLE_A1))) < 0.15
    for group in EXCLUSIVE:  # one at a time
        places = [list(TABLE_A1).index(label) for label in group]
        is_true[:, places] &= is_true[:, places].cumsum(axis=1) == 1
    sample = Sample(rng.normal(size=is_true.shape) + 2 * is_true, is_true)
    for label, (missed, false) in errors(sample, RuleMachine(fitted(sample, chance)), seed=1).items():
        rates = ErrorRates.of_counts(*TABLE_A1[label], STUDIES)
        assert abs(missed - rates.missed) < 0.05, label  # what excludes each other costs a few
        assert abs(false - rates.false) < 0.015, label


def test_of_labels_that_exclude_each_other_the_one_furthest_beyond_its_threshold_is_said() -> None:
    machine = RuleMachine(dict.fromkeys(TABLE_A1, ErringLabel(0.5, 1.0, 0.0, 0.0)))
    scores = {"lad": 0.7, "rad": 1.6, "lvh": 0.6, "afib": np.nan}
    said = machine.of_scores(scores, {"lad", "lvh", "afib"}, np.random.default_rng(0))
    assert said == {"rad", "lvh"}


def test_the_command_freezes_the_world_that_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["simulator", *arguments])
        return main()

    assert run(str(tmp_path / "plain"), "--ecgs", "12", "--difficulty", "0", "--machine", "random") == 0
    assert run(str(tmp_path / "life"), "--ecgs", "12") == 0
    plain, life = simulate(12, seed=0), simulate(12, seed=0, difficulty=1.0, machine="rule")
    for name, ecgs in (("plain", list(plain)), ("life", list(life))):
        store = Store(tmp_path / name)
        for source in ("overread", "machine"):
            masks = store.column(f"{source}_present") | store.column(f"{source}_uncertain")
            said = [{key for bit, (key, _) in enumerate(store.labels) if mask >> bit & 1} for mask in masks.tolist()]
            assert said == [set(getattr(ecg, source)) for ecg in ecgs]
        assert (store.scale_mv() > 0).all()
    with pytest.raises(SystemExit):
        run(str(tmp_path / "no machine"), "--ecgs", "12", "--difficulty", "0.7")
    assert not (tmp_path / "no machine").exists()
