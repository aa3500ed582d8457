"""XLI: what is encoded plainly is decoded, and what is damaged is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.formats.xli import BadXli, decompress, with_limb_leads
from tests.ml.formats.sierra import chunk, lzw, wrapped, xli

VALUES = st.lists(st.integers(-32_768, 32_767), min_size=3, max_size=200)
SMALL = st.lists(st.integers(-3, 3), min_size=3, max_size=3000)


@given(st.one_of(VALUES, SMALL))
def test_a_lead_comes_back_also_where_its_differences_overflow(values: list[int]) -> None:
    [lead] = decompress(chunk(values), 1, len(values))
    assert lead.tolist() == values


@given(st.lists(st.tuples(*[st.integers(-9000, 9000)] * 8), min_size=3, max_size=60))
def test_limb_leads_come_back_from_differences(samples: list[tuple[int, ...]]) -> None:
    rows = [list(row) for row in zip(*samples, strict=True)]
    one, two = rows[:2]
    limb = [one, two, [b - a for a, b in zip(one, two, strict=True)], *rows[2:5]]
    found = decompress(xli([*limb, *rows[5:]]), 9, len(samples))
    assert [lead.tolist() for lead in [*with_limb_leads(found[:6]), *found[6:]]] == [*limb, *rows[5:]]


def test_a_half_is_rounded_towards_zero_as_the_devices_do() -> None:
    zero = np.zeros(2, np.int32)
    one, two = np.array([-3, 3], np.int32), zero
    derived = with_limb_leads([one, two, zero, zero, zero, zero])
    assert [lead.tolist() for lead in derived[2:]] == [[3, -3], [1, -1], [-3, 3], [1, -1]]


@given(st.binary(max_size=400), st.integers(1, 3), st.integers(3, 50))
def test_any_bytes_are_leads_or_refused(content: bytes, leads: int, samples: int) -> None:
    try:
        assert {lead.shape for lead in decompress(content, leads, samples)} == {(samples,)}
    except BadXli as error:
        assert str(error)


@pytest.mark.parametrize("samples", [99, 101, 1_000_000])
def test_another_length_than_the_file_says_is_refused(samples: int) -> None:
    with pytest.raises(BadXli):
        decompress(chunk(range(100)), 1, samples)


def test_what_expands_without_end_is_cut_short() -> None:
    with pytest.raises(BadXli):
        decompress(chunk([0] * 100_000), 1, 10)


def test_a_code_that_stands_for_nothing_is_refused() -> None:
    body = bytes.fromhex("ffbf")  # 1022, while there are 256 codes
    with pytest.raises(BadXli):
        decompress(len(body).to_bytes(4, "little") + b"\1\0\0\0" + body, 1, 3)
    assert lzw(b"aaaa")[:2] == bytes.fromhex("1850")
    assert wrapped(40_000) == -25_536
