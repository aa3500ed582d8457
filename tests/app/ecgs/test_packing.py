"""A packed signal comes back sample for sample, whatever it is, and an ECG becomes small."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from app.ecgs.packing import packed
from ml.corpus.simulator import simulate
from ml.formats import Recording
from ml.formats.recording import MISSING

SHORT = np.iinfo(np.int16)
LONG = np.iinfo(np.int32)
STEPS = st.one_of(
    st.integers(-50, 50),
    st.integers(SHORT.min - 2, SHORT.max + 2),
    st.integers(LONG.min, LONG.max),
    st.just(MISSING),
)


def unpacked(rows: NDArray[np.integer]) -> NDArray[np.int32]:
    """Undo `packed` as the API's description says, and slowly: a sample at a time, in Python's whole numbers."""
    least, size = int(np.iinfo(rows.dtype).min), 1 << (8 * rows.dtype.itemsize)

    def wrapped(number: int) -> int:
        return (number - least) % size + least

    leads: list[list[int]] = []
    for row in rows.tolist():
        lead, before = [], 0
        for difference in row:
            before = wrapped(before + difference)
            lead.append(before)
        leads.append(lead)
    one, two = leads[:2]
    for at, (a, b) in enumerate(zip(one, two, strict=True)):
        for lead, said in ((2, b - a), (3, -(a + b) // 2), (4, (2 * a - b) // 2), (5, (2 * b - a) // 2)):
            leads[lead][at] = wrapped(leads[lead][at] + said)
    return np.array([[MISSING if step == least else step for step in lead] for lead in leads], np.int32)


def rows_of(samples: NDArray[np.int32]) -> NDArray[np.integer]:
    dtype, rows = packed(Recording(samples, np.full(12, 1000.0), 500.0))
    made = np.stack(list(rows))
    assert made.dtype == dtype
    return made


@given(arrays(np.int32, st.tuples(st.just(12), st.integers(1, 8)), elements=STEPS))
def test_every_signal_comes_back(samples: NDArray[np.int32]) -> None:
    assert np.array_equal(unpacked(rows_of(samples)), samples)


@pytest.mark.parametrize(
    ("step", "type_"),
    [(SHORT.max, np.int16), (SHORT.min + 1, np.int16), (SHORT.max + 1, np.int32), (SHORT.min, np.int32)],
)
def test_sixteen_bits_are_taken_where_the_steps_fit(step: int, type_: type[np.integer]) -> None:
    samples = np.zeros((12, 3), np.int32)
    samples[0, 1], samples[0, 2] = step, MISSING
    rows = rows_of(samples)
    assert rows.dtype == type_
    assert np.array_equal(unpacked(rows), samples)


def test_an_ecg_becomes_small() -> None:
    [ecg] = simulate(1, seed=5)
    samples = ecg.recording.samples
    plain = len(zlib.compress(samples.astype(np.int16).tobytes(), 1))
    assert len(zlib.compress(rows_of(samples).tobytes(), 1)) < 0.6 * plain
