"""What a report says of itself: that it agrees with the machine's, or that the tracing cannot be read."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ml.labeling.findings import SaidStance
from ml.labeling.terms import Terms, place_and_meaning, variants
from ml.labeling.tokens import words_of
from ml.labeling.vocabulary import Cues, Vocabulary

_JOINS = ("and", "clause")  # kinds of cue at which a clause begins or ends
_HANGS_ON = ("attachment",)  # kinds of cue before which a clause may end too: "unreadable because of artifact"
_LENGTHS = (1, 2, 3)  # words of such cues
_BEFORE = frozenset(",.:;()[]!?-/&+")
_AFTER = frozenset(",.;()[]!?-/&+")


class _Term(NamedTuple):
    stance: SaidStance
    begins: bool
    ends: bool


class StanceFinder:
    """Finds the stance terms of a vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        policy = vocabulary.policy
        self._terms = Terms(
            (term, _Term(entry.stance, entry.begins, entry.ends))
            for entry in vocabulary.stances
            if entry.holds(policy)
            for term in entry.all()
        )
        self._synonyms = Terms(
            (term, tuple(words_of(entry.name)))
            for entry in vocabulary.stance_synonyms
            if entry.holds(policy)
            for term in (entry.name, *entry.all())
        )
        joins = [cues for cues in vocabulary.cues if cues.kind in _JOINS and cues.holds(policy)]
        hanging = [cues for cues in vocabulary.cues if cues.kind in _HANGS_ON and cues.holds(policy)]
        self._before = {(mark,) for mark in _BEFORE} | set(_spelled(joins))
        self._after = {(mark,) for mark in _AFTER} | set(_spelled([*joins, *hanging]))

    def find(self, words: Sequence[str]) -> SaidStance:
        """Return the stance that the words of a sentence take: "unreadable" outweighs "agrees"."""
        if self._synonyms.begins.isdisjoint(words):
            return "read"  # every term has a word of these
        words = self._renamed(words)
        found: SaidStance = "read"
        for start, end, (stance, begins, ends) in self._terms.walk(words, place_and_meaning):
            if begins and start > 0 and not any(tuple(words[start - n : start]) in self._before for n in _LENGTHS):
                continue
            if ends and end < len(words) and not any(tuple(words[end : end + n]) in self._after for n in _LENGTHS):
                continue
            if stance == "unreadable":
                return stance
            found = stance if stance == "agrees" else found
        return found

    def _renamed(self, words: Sequence[str]) -> list[str]:
        renamed: list[str] = []
        place = 0
        for start, end, name in self._synonyms.walk(words, place_and_meaning):
            renamed += [*words[place:start], *name]
            place = end
        return [*renamed, *words[place:]]


def _spelled(several: Sequence[Cues]) -> Iterator[tuple[str, ...]]:
    return (words for cues in several for term in cues.all() for words in variants(term))
