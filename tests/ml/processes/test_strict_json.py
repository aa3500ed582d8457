"""A key that is given twice is found wherever it stands, and nothing else is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.processes.strict_json import RepeatedKey, refuse_repeated_keys

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(VALUES)
def test_what_json_can_say_once_is_accepted(value: Any) -> None:
    refuse_repeated_keys(json.dumps(value))


@given(VALUES, st.text(), VALUES, VALUES)
def test_a_repeated_key_is_found_at_any_depth(around: Any, key: str, first: Any, second: Any) -> None:
    twice = f"{{{json.dumps(key)}: {json.dumps(first)}, {json.dumps(key)}: {json.dumps(second)}}}"
    for text in (twice, f"[{json.dumps(around)}, {twice}]", f'{{"a": {{"b": {twice}}}}}'):
        with pytest.raises(RepeatedKey):
            refuse_repeated_keys(text)


def test_keys_that_are_written_differently_and_read_alike_are_the_same() -> None:
    with pytest.raises(RepeatedKey):
        refuse_repeated_keys('{"age": 1, "\\u0061ge": 2}')


@pytest.mark.parametrize("text", ["{", '{"a": 1} x', "[" * 100_000, b"\xff"])
def test_what_is_no_json_is_left_to_who_reads_it(text: str | bytes) -> None:
    refuse_repeated_keys(text)
