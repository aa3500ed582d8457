"""The words beside which identifiers stand, as `identifiers.yaml` lists them."""

from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import yaml

from ml.labeling.terms import Terms, variants, words_in


class Cue(NamedTuple):
    """A term at words `start` to `end` (exclusive), and the lists that have it."""

    start: int
    end: int
    kinds: frozenset[str]


@cache
def _lists() -> dict[str, list[str]]:
    lists: dict[str, list[str]] = yaml.safe_load((Path(__file__).parent / "identifiers.yaml").read_text("utf-8"))
    return lists


@cache
def words(kind: str) -> frozenset[str]:
    """Return the words of a list, folded."""
    return frozenset(words_in(_lists()[kind]))


@cache
def _terms() -> Terms[frozenset[str]]:
    kinds: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for kind, terms in _lists().items():
        for term in terms:
            for spelled in variants(term):
                kinds[spelled].add(kind)
    return Terms((" ".join(spelled), frozenset(found)) for spelled, found in kinds.items())


def find(folded: Sequence[str]) -> list[Cue]:
    """Return the terms of all lists that stand in folded words, left to right, the longest at each place."""
    return _terms().walk(folded, Cue)
