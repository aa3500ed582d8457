"""Terms as a word trie: every term at a place is found in one walk, the longest wins."""

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from ml.labeling.tokens import words_of

Meaning = TypeVar("Meaning")

MAX_VARIANTS = 4096


class Match(NamedTuple, Generic[Meaning]):
    """A term found: words `start` to `end` (exclusive) and what it means."""

    start: int
    end: int
    meaning: Meaning


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


class Terms(Generic[Meaning]):
    """A set of terms, each with a meaning; a later term of the same words replaces an earlier one."""

    def __init__(self, terms: Iterable[tuple[str, Meaning]]) -> None:
        self._root: dict[str, Any] = {}
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

    def at(self, words: Sequence[str], start: int) -> Match[Meaning] | None:
        """Find the longest term that begins at a word."""
        node = self._root.get(words[start])
        best, past = None, 0
        place, end = start + 1, len(words)
        while node is not None:
            if "" in node:
                best, past = node[""], place
            if place == end:
                break
            node = node.get(words[place])
            place += 1
        return Match(start, past, best) if past else None  # type: ignore[arg-type]
