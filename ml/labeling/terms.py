"""Terms as a word trie: every term at a place is found in one walk, the longest wins."""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from ml.labeling.tokens import words_of

Meaning = TypeVar("Meaning")
Found = TypeVar("Found")

MAX_VARIANTS = 4096


def variants(term: str) -> list[tuple[str, ...]]:
    """Spell a term out: `a|b` is either word, `(a|b)` perhaps one of them.

    Raises `ValueError` when the term has no words or spells out to more than `MAX_VARIANTS`.
    """
    choices: list[list[tuple[str, ...]]] = []
    for part in term.split():
        optional = len(part) > 2 and part[0] == "(" and part[-1] == ")"
        words = (part[1:-1] if optional else part).split("|")
        spelled = [tuple(words_of(word)) for word in words]
        choices.append([*spelled, ()] if optional else spelled)
    if math.prod(len(choice) for choice in choices) > MAX_VARIANTS:
        raise ValueError(f"{term!r} spells out to more than {MAX_VARIANTS} variants")
    spelled_out = {tuple(itertools.chain(*words)) for words in itertools.product(*choices)} - {()}
    if not spelled_out:
        raise ValueError(f"{term!r} has no words")
    return sorted(spelled_out)


def words_in(terms: Iterable[str]) -> set[str]:
    """Give every word that terms spell out to."""
    return {word for term in terms for words in variants(term) for word in words}


def place_and_meaning(start: int, end: int, meaning: Meaning) -> tuple[int, int, Meaning]:
    """What `Terms.walk` finds, as it is: first word, last (exclusive), meaning."""
    return start, end, meaning


class Terms(Generic[Meaning]):
    """A set of terms, each with a meaning (never None); a later term of the same words replaces an earlier one.

    `marks` are terms of one mark each, as they stand.
    """

    def __init__(self, terms: Iterable[tuple[str, Meaning]], marks: Iterable[tuple[str, Meaning]] = ()) -> None:
        self._root: dict[str, Any] = {mark: {"": meaning} for mark, meaning in marks}
        self.words: set[str] = set()
        self.spelled: dict[tuple[str, ...], Meaning] = {}
        for term, meaning in terms:
            for words in variants(term):
                node = self._root
                for word in words:
                    node = node.setdefault(word, {})
                node[""] = meaning
                self.words.update(words)
                self.spelled[words] = meaning
        self.begins = frozenset(self._root)

    def walk(self, words: Sequence[str], found_as: Callable[[int, int, Meaning], Found]) -> list[Found]:
        """Find terms left to right, the longest at each place, none nested: first word, last (exclusive), meaning."""
        found: list[Found] = []
        root = self._root
        past, end = 0, len(words)
        for start, word in enumerate(words):
            if start < past or word not in root:
                continue
            node = root[word]
            place = start + 1
            meaning = None
            while True:
                if "" in node:
                    meaning, past = node[""], place
                if place == end or (node := node.get(words[place])) is None:
                    break
                place += 1
            if meaning is not None:
                found.append(found_as(start, past, meaning))
        return found
