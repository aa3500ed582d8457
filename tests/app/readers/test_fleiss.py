"""Fleiss' kappa against the textbook's library, its interval against the jackknife."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import fleiss_kappa

from app.readers.statistics import fleiss


def table(histogram: np.ndarray) -> np.ndarray:
    """One row an ECG: how many readers said no, and yes."""
    n = len(histogram) - 1
    return np.array([[n - k, k] for k, ecgs in enumerate(histogram) for _ in range(ecgs)])


@given(st.integers(2, 7).flatmap(lambda n: st.lists(st.integers(0, 40), min_size=n + 1, max_size=n + 1)))
def test_the_value_is_statsmodels(counts: list[int]) -> None:
    histogram = np.array(counts)
    total = sum(counts)
    assume(total > 0 and counts[0] != total and counts[-1] != total)
    rate = fleiss(histogram)
    assert rate.value == pytest.approx(fleiss_kappa(table(histogram)), abs=1e-12)
    assert -1 <= rate.low <= rate.value <= rate.high <= 1


@pytest.mark.parametrize("counts", [[0, 0, 0], [5, 0, 0], [0, 0, 0, 9]])
def test_one_answer_or_none_has_no_kappa(counts: list[int]) -> None:
    rate = fleiss(np.array(counts))
    assert np.isnan([rate.value, rate.low, rate.high]).all()


@pytest.mark.parametrize("counts", [[300, 40, 20, 60], [500, 30, 10, 9, 30, 80], [100, 30, 70]])
def test_the_interval_is_the_jackknifes(counts: list[int]) -> None:
    """Leave one ECG out at a time (Efron): the spread of the values is the standard error."""
    histogram = np.array(counts)
    total = histogram.sum()
    without = np.repeat(histogram[None], len(counts), axis=0) - np.eye(len(counts), dtype=np.int64)
    values = fleiss(without).value
    mean = (histogram * values).sum() / total
    error = np.sqrt((total - 1) / total * (histogram * (values - mean) ** 2).sum())
    rate = fleiss(histogram)
    assert (rate.high - rate.low) / 2 == pytest.approx(1.96 * error, rel=0.02)


def test_labels_are_counted_side_by_side() -> None:
    both = fleiss(np.array([[10, 2, 3], [4, 4, 4]]))
    apart = [fleiss(np.array(row)) for row in ([10, 2, 3], [4, 4, 4])]
    assert both.value.tolist() == [rate.value for rate in apart]
    assert both.low.tolist() == [rate.low for rate in apart]
