"""YAML whose values are all text."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ml.labeling.yaml_text import DEEPEST, MAX_VALUES, NotYaml, read_yaml

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20)
VALUES: st.SearchStrategy[Any] = st.recursive(
    WORDS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=20
)


@given(VALUES, st.booleans())
def test_a_file_is_read_as_the_library_reads_text(value: Any, flow: bool) -> None:
    written = yaml.safe_dump(value, allow_unicode=True, default_flow_style=flow)
    assert read_yaml(written).plain() == yaml.load(written, Loader=yaml.BaseLoader) == value


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read_yaml(text)
    except NotYaml as error:
        assert str(error)


def test_values_know_their_lines() -> None:
    tree = read_yaml("a: no\nb:\n  - 1\n  - {c: on}\n")
    assert tree.plain() == {"a": "no", "b": ["1", {"c": "on"}]}
    assert [tree.line_of(place) for place in [("a",), ("b", 0), ("b", 1, "c"), ("b", 7), ("x",)]] == [1, 3, 4, 3, 1]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: &x [1]\nb: *x", "line 2: aliases"),
        ("a: 1\nb: !!python/object:os.system x", "line 2: tags"),
        ("[" * (DEEPEST + 2) + "]" * (DEEPEST + 2), "in each other"),
        ("[" * 400_000, "in each other"),
        ("- " * 400_000, "in each other"),
        ("[" + "a," * (MAX_VALUES + 1) + "]", "values"),
        ("a: 1\na: 2", "line 2: a: a second one"),
        ("? [a]\n: 1", "a key is a word"),
        (f"{'k' * 101}: 1", "a key is a word"),
        ("a: 1\n---\nb: 2", "more than one document"),
        ("a: \x07", "not YAML"),
        ("a: \ud800", "not YAML"),
        ("a: [1", "not YAML"),
    ],
)
def test_what_is_not_read_is_named(text: str, reason: str) -> None:
    with pytest.raises(NotYaml) as refused:
        read_yaml(text)
    assert reason in str(refused.value)
