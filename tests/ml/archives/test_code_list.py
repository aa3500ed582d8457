"""Codes are written in one cell and read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.archives.code_list import BadCodeList, parse_codes, write_codes
from ml.labeling import Code

names = st.text(st.characters(categories=["L", "N", "P", "S"], include_characters=" "), min_size=1, max_size=12)
codes = st.builds(Code, names, names, st.none() | st.floats(0, 1).map(lambda share: round(share, 6)))


@given(st.lists(codes, max_size=6).map(tuple))
def test_what_is_written_is_read(given: tuple[Code, ...]) -> None:
    assert parse_codes(write_codes(given)) == given


def test_it_is_plain_to_read() -> None:
    given = (
        Code("SCP", "IMI"),
        Code("SCP", "LVH", 0.5),
        Code("12SL", "ASMI;AU"),
        Code("12SL", "$WITH"),
        Code("X", "a b"),
    )
    assert write_codes(given) == "SCP:IMI SCP:LVH@0.5 12SL:ASMI;AU 12SL:$WITH X:a%20b"
    assert parse_codes(" SCP:IMI\n SCP:LVH@1 ") == (Code("SCP", "IMI"), Code("SCP", "LVH", 1.0))


@pytest.mark.parametrize(
    "text",
    [
        "IMI",
        ":IMI",
        "SCP:",
        "SCP:LVH@2",
        "SCP:LVH@x",
        "SCP:LVH@1.5",
        "SCP:a@b@1",
        "SCP:%FF",
        "SCP:%07",
        f"SCP:{'x' * 201}",
    ],
)
def test_what_is_no_code_is_named_by_its_number(text: str) -> None:
    with pytest.raises(BadCodeList, match="number 2"):
        parse_codes(f"SCP:SR {text}")
    with pytest.raises(BadCodeList, match="more than"):
        parse_codes("SCP:SR " * 1001)
