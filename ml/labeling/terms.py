"""Terms as a word trie: every term at a place is found in one walk, the longest wins."""

import itertools
import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from ml.labeling.tokens import words_of

Meaning = TypeVar("Meaning")
Found = TypeVar("Found")

MAX_VARIANTS = 4096

# A parenthesis as a mark of the text; or what words are made of, and what joins them or is left out: "non-specific".
_WRITTEN = re.compile(r"""[()]|(?:[^\W_]|[−–—-](?=\w)|[,.:;/&+?!\[\]'’"=])+|--?>|==?>|[→☐☑☒✓✔✗✘]|\([+-]\)""")


def variants(term: str) -> list[tuple[str, ...]]:
    """Return the variants of a term: `a|b` is either word, `(a|b)` one of them or none.

    Raises `ValueError` when the term is malformed, has no words or spells out to more than `MAX_VARIANTS`.
    """
    return sorted({tuple(itertools.chain(*words)) for words in itertools.product(*_choices(term))} - {()})


def count_words(term: str) -> int:
    """Return an upper bound of the words in a term's variants, without making them; raises what `variants` does."""
    choices = _choices(term)
    return math.prod(map(len, choices)) * sum(max(map(len, choice)) for choice in choices)


def _choices(term: str) -> list[list[tuple[str, ...]]]:
    """Return the choices at each place of a term."""
    choices: list[list[tuple[str, ...]]] = []
    for part in term.split():
        optional = len(part) > 2 and part not in ("(+)", "(-)") and part[0] == "(" and part[-1] == ")"
        written = (part[1:-1] if optional else part).split("|")
        if malformed := [word for word in written if not _WRITTEN.fullmatch(word)]:
            raise ValueError(f"{malformed[0]!r} in {term!r} is no word: neither `a|b` nor `(a)` goes across blanks")
        spelled = [tuple(words_of(word)) for word in written]
        choices.append([*spelled, ()] if optional else spelled)
    if not any(itertools.chain(*choices)):
        raise ValueError(f"{term!r} has no words")
    if math.prod(map(len, choices)) > MAX_VARIANTS:
        raise ValueError(f"{term!r} spells out to more than {MAX_VARIANTS} variants")
    return choices


def words_in(terms: Iterable[str]) -> set[str]:
    """Return every word of the terms' variants."""
    return {word for term in terms for words in variants(term) for word in words}


def place_and_meaning(start: int, end: int, meaning: Meaning) -> tuple[int, int, Meaning]:
    """Return what `Terms.walk` finds unchanged: first word, last (exclusive), meaning."""
    return start, end, meaning


def _shared(node: dict[str, Any], nodes: dict[tuple[tuple[str, int], ...], dict[str, Any]]) -> dict[str, Any]:
    """Return a trie's node with those that say the same kept once: variants of a term mostly end alike."""
    for word, further in node.items():
        if word:
            node[word] = _shared(further, nodes)
    return nodes.setdefault(tuple((word, id(further)) for word, further in node.items()), node)


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
        self._root = _shared(self._root, {})
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
