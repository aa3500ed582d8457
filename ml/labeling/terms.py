"""Terms as a word trie: every term at a place is found in one walk, the longest wins."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from ml.labeling.tokens import tokenize

Meaning = TypeVar("Meaning")

MAX_VARIANTS = 512


class Match(NamedTuple):
    """A term found: tokens `start` to `end` (exclusive) and what it means."""

    start: int
    end: int
    meaning: Any


def variants(term: str) -> list[tuple[str, ...]]:
    """Spell a term out: `a|b` is either word, `a?` perhaps the word. `ValueError` when it says nothing or too much."""
    choices: list[list[tuple[str, ...]]] = []
    for part in term.split():
        optional = len(part) > 1 and part.endswith("?")
        words = part[:-1].split("|") if optional else part.split("|")
        spelled = [tuple(token.word for token in tokenize(word)) for word in words]
        choices.append([*spelled, ()] if optional else spelled)
    count = 1
    for choice in choices:
        count *= len(choice)
    if count > MAX_VARIANTS:
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
        for term, meaning in terms:
            for words in variants(term):
                node = self._root
                for word in words:
                    node = node.setdefault(word, {})
                node[""] = meaning
                self.words.update(words)

    def find(self, words: Sequence[str]) -> list[Match]:
        """Find terms left to right, the longest at each place, none within another."""
        found: list[Match] = []
        start = 0
        while start < len(words):
            node, best = self._root, None
            for end in range(start, len(words)):
                node = node.get(words[end])  # type: ignore[assignment]
                if node is None:
                    break
                if "" in node:
                    best = Match(start, end + 1, node[""])
            if best is None:
                start += 1
            else:
                found.append(best)
                start = best.end
        return found
