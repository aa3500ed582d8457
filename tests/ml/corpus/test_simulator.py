"""Each label can be measured in the signal, the way a cardiologist would."""

import numpy as np
import pytest

from ml.corpus.simulator import simulate
from ml.corpus.simulator.heart import record
from ml.formats import LEADS
from ml.labeling import builtin_labeler
from ml.signals import check

SEEDS = range(8)


def signal(labels: set[str], seed: int) -> np.ndarray:
    return record(labels, np.random.default_rng(seed)).millivolts()


def lead(mv: np.ndarray, name: str) -> np.ndarray:
    trace = mv[LEADS.index(name)]
    return trace - np.median(trace)


def r_waves(mv: np.ndarray) -> np.ndarray:
    speed = np.abs(np.gradient(mv, axis=1)).sum(axis=0)
    speed = np.convolve(speed, np.ones(30) / 30, "same")
    peaks = [
        i
        for i in range(60, len(speed) - 60)
        if speed[i] == speed[i - 60 : i + 61].max() and speed[i] > 0.4 * speed.max()
    ]
    return np.array(peaks)


def net_qrs(mv: np.ndarray, name: str) -> float:
    trace = lead(mv, name)
    return float(np.median([trace[r - 40 : r + 40].max() + trace[r - 40 : r + 40].min() for r in r_waves(mv)]))


def axis(mv: np.ndarray) -> float:
    return float(np.degrees(np.arctan2(2 / np.sqrt(3) * net_qrs(mv, "aVF"), net_qrs(mv, "I"))))


@pytest.mark.parametrize("seed", SEEDS)
def test_einthoven_and_goldberger_hold_exactly(seed: int) -> None:
    mv = signal({"sinus_rhythm", "lvh"}, seed)
    i, ii, iii, avr, avl, avf = mv[:6]
    for left, right in ((iii, ii - i), (avr, -(i + ii) / 2), (avl, i - ii / 2), (avf, ii - i / 2)):
        assert np.allclose(left, right, atol=1e-12)


@pytest.mark.parametrize(
    ("label", "low", "high"), [("lad", -90, -30), ("rad", 90, 180), ("rsad", -180, -90), (None, -30, 90)]
)
def test_the_axis_lies_in_its_sector(label: str | None, low: float, high: float) -> None:
    inside = [low < axis(signal({"sinus_rhythm", label} - {None}, seed)) < high for seed in SEEDS]  # type: ignore[arg-type]
    assert sum(inside) >= len(inside) - 1


def rr_spread(labels: set[str], seed: int) -> float:
    rr = np.diff(r_waves(signal(labels, seed)))
    return float(rr.std() / rr.mean())


def test_fibrillation_is_irregular_and_sinus_is_not() -> None:
    assert np.median([rr_spread({"afib"}, s) for s in SEEDS]) > 0.1
    assert np.median([rr_spread({"sinus_rhythm"}, s) for s in SEEDS]) < 0.06


def test_flutter_waves_come_300_a_minute() -> None:
    for seed in SEEDS:
        spectrum = np.abs(np.fft.rfft(lead(signal({"aflutter"}, seed), "aVF")))
        frequencies = np.fft.rfftfreq(5000, 1 / 500)
        band = (frequencies > 4.6) & (frequencies < 5.4)
        assert spectrum[band].max() > 4 * np.median(spectrum[(frequencies > 4) & (frequencies < 8)])


def qrs_width_s(labels: set[str], seed: int) -> float:
    mv = signal(labels, seed)
    speed = np.abs(np.gradient(mv, axis=1)).sum(axis=0)
    widths = []
    for r in r_waves(mv):
        near = speed[max(0, r - 75) : r + 75]
        fast = np.flatnonzero(near > 0.12 * near.max())
        widths.append(fast[-1] - fast[0])
    return float(np.median(widths)) / 500


@pytest.mark.parametrize("block", ["rbbb", "lbbb"])
def test_bundle_branch_block_is_wide(block: str) -> None:
    wide = np.median([qrs_width_s({"sinus_rhythm", block}, s) for s in SEEDS])
    narrow = np.median([qrs_width_s({"sinus_rhythm"}, s) for s in SEEDS])
    assert wide > 0.12 > narrow


def test_blocks_and_infarcts_look_as_they_should() -> None:
    for seed in SEEDS:
        lbbb, rbbb = signal({"sinus_rhythm", "lbbb"}, seed), signal({"sinus_rhythm", "rbbb"}, seed)
        assert net_qrs(lbbb, "V1") < 0 < net_qrs(lbbb, "V6")
        assert lead(rbbb, "V1").max() > 0.4 and lead(rbbb, "I").min() < -0.15
        assert net_qrs(signal({"sinus_rhythm", "posterior_mi"}, seed), "V2") > 0
        assert net_qrs(signal({"sinus_rhythm", "anterior_mi"}, seed), "V2") < -0.5
        assert net_qrs(signal({"sinus_rhythm", "rvh"}, seed), "V1") > 0
        assert lead(signal({"sinus_rhythm", "inferior_mi"}, seed), "III").min() < -0.15


def test_lvh_meets_sokolow_and_lyon() -> None:
    def sokolow(labels: set[str], seed: int) -> float:
        mv = signal(labels, seed)
        return float(-lead(mv, "V1").min() + max(lead(mv, "V5").max(), lead(mv, "V6").max()))

    assert (
        min(sokolow({"sinus_rhythm", "lvh"}, s) for s in SEEDS)
        > 3.5
        > np.median([sokolow({"sinus_rhythm"}, s) for s in SEEDS])
    )


def test_a_case_depends_on_seed_and_place_alone() -> None:
    short, long = list(simulate(3, seed=5)), list(simulate(6, seed=5))
    for a, b in zip(short, long, strict=False):
        assert np.array_equal(a.recording.samples, b.recording.samples) and a.overread_report == b.overread_report
    assert not np.array_equal(next(simulate(1, seed=6)).recording.samples, short[0].recording.samples)


def test_reports_say_what_they_were_made_of() -> None:
    labeler = builtin_labeler()
    for ecg in simulate(300, seed=2):
        assert check(ecg.recording.millivolts(), ecg.recording.sampling_rate_hz) == []
        for text, truth in ((ecg.machine_report, ecg.machine), (ecg.overread_report, ecg.overread)):
            found = {f.label for f in labeler.read(text).findings if f.status in ("present", "uncertain")}
            assert found == truth, text
