"""Lists and dictionaries in cells are read as Python reads them, without evaluating anything."""

import ast
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.archives.literals import LONGEST, MOST_LEVELS, NotALiteral, literal

scalars = (
    st.text()
    | st.integers(-(10**18) + 1, 10**18 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | st.none()
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.lists(inner, max_size=4).map(tuple), max_leaves=8
) | st.dictionaries(st.text(), scalars, max_size=4)
fragments = st.lists(
    st.sampled_from(
        [
            *"[](){},:'\"\\ \t\n-+.0",
            "'NSR'",
            "['NSR', 'NML']",
            "12",
            "1.5e3",
            "True",
            "None",
            "nan",
            "u'a'",
            "f()",
            "\\x41",
        ]
    ),
    max_size=12,
).map("".join)


@given(values)
def test_what_python_writes_is_read(value: Any) -> None:
    if _levels(value) > MOST_LEVELS:
        with pytest.raises(NotALiteral, match="deep"):
            literal(repr(value))
    else:
        read = literal(repr(value))
        assert read == value and repr(read) == repr(value)


@given(fragments | st.text())
@settings(max_examples=500)
def test_what_is_read_is_what_python_reads(text: str) -> None:
    try:
        read = literal(text)
    except NotALiteral:
        return
    assert repr(read) == repr(ast.literal_eval(text.strip()))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "__import__('os')",
        "[1, 2",
        "['NSR' 'NML']",
        "['NSR',, 'NML']",
        "{'a': 1",
        "{1: 2}",
        "{'a'}",
        "[nan]",
        "1 2",
        "1_000",
        "0x10",
        "007",
        "1.5.2",
        "9" * 40,
        "b'a'",
        "'a\nb'",
        r"'\N{BULLET}'",
        "'" + "a" * LONGEST + "'",
        "[" * 5000,
        "'\\U00110000'",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(NotALiteral):
        literal(text)


def test_a_refusal_repeats_nothing_of_the_cell() -> None:
    with pytest.raises(NotALiteral) as refused:
        literal("['Miller', Jane]")
    assert not re.search("Miller|Jane", str(refused.value))


def test_one_value_in_parentheses_is_no_tuple() -> None:
    assert literal("('a')") == "a" and literal("('a',)") == ("a",) and literal("()") == ()


def _levels(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_levels, value.values()), default=0)
    return 1 + max(map(_levels, value), default=0) if isinstance(value, list | tuple) else 0
