"""A vocabulary compiled: from a statement's words to items, each a term of the vocabulary or a mark."""

import itertools
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from ml.labeling.spelling import LONGEST, Spelling
from ml.labeling.terms import Terms
from ml.labeling.tokens import fold
from ml.labeling.vocabulary import Phrases, Rule, Vocabulary

CACHED_WORDS = 50_000
LONGEST_NUMBER = 4  # characters, the sign included
UNKNOWN = "\N{HORIZONTAL ELLIPSIS}"  # no token: no word of a text is it
MARKS = {",": "comma", "-": "comma", ":": "colon", "(": "open", ")": "close", ".": "stop", "!": "stop", "/": "slash"}


class Meaning(NamedTuple):
    """What a term is: a cue of a kind, a rule's mention, or a piece of a compound (its number in the vocabulary)."""

    kind: str
    rule: Rule | None = None
    compound: int = -1


class Item(NamedTuple):
    """A term or mark at words `start` to `end` (exclusive)."""

    kind: str
    start: int
    end: int
    rule: Rule | None
    compound: int


class Lexicon:
    """Every term of a vocabulary that its policy's switches leave on, in one trie."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        entries = [(term, meaning) for phrases, meaning in _phrases(vocabulary) for term in phrases.all()]
        self._terms = Terms(entries)
        mentioning = Terms((term, None) for term, meaning in entries if meaning.rule is not None).words
        known = self._terms.words | Terms((term, None) for term in vocabulary.not_misspelt.all()).words
        self._spelt = _Spelt(Spelling(mentioning, known))
        rules = [meaning.rule for _, meaning in entries if meaning.rule is not None]
        apart = {fold(word) for rule in rules for term in rule.unless for word in term.split()}
        fillers = Terms((term, None) for term in vocabulary.axis.fillers.all()).words if vocabulary.axis else set()
        self._known = _Known(self._spelt, frozenset(self._terms.words | fillers | apart | {"at", "rate", "minus"}))

    def spelt(self, words: Sequence[str]) -> list[str]:
        """Give words in the form terms are compared in, without their typos."""
        spelt = self._spelt
        return [spelt[word] for word in words]

    def known(self, words: Sequence[str]) -> list[str]:
        """Give words as `spelt` does, with one sign for all that are in no term: they change no sentence's meaning.

        Numbers of up to three digits are kept: they may be an axis or a rate.
        """
        known = self._known
        return [known[word] for word in words]

    def neighbours(
        self, beginning: Collection[str], ending: Collection[str]
    ) -> tuple[frozenset[str], frozenset[str], frozenset[tuple[str, str]]]:
        """Give the words that begin a term of some kinds, that end one of others, and all neighbours in a term."""
        first, last, together = set[str](), set[str](), set[tuple[str, str]]()
        for words, meaning in self._terms.spelled.items():
            if meaning.kind in beginning:
                first.add(words[0])
            if meaning.kind in ending:
                last.add(words[-1])
            together.update(itertools.pairwise(words))
        return frozenset(first), frozenset(last), frozenset(together)

    def items(self, words: Sequence[str]) -> list[Item]:
        """Give the terms and marks of correctly spelt words, left to right, the longest at each place, none nested."""
        found: list[Item] = []
        at, begins = self._terms.at, self._terms.begins
        place, end = 0, len(words)
        while place < end:
            word = words[place]
            if word in begins and (match := at(words, place)) is not None:
                _, past, (kind, rule, compound) = match
                found.append(Item(kind, place, past, rule, compound))
                place = past
                continue
            if word in MARKS:
                found.append(Item(MARKS[word], place, place + 1, None, -1))
            place += 1
        return found


class _Spelt(dict[str, str]):
    """Written words to spelt ones, worked out once each; emptied when it has grown large."""

    def __init__(self, spelling: Spelling) -> None:
        super().__init__()
        self._spelling = spelling

    def __missing__(self, word: str) -> str:
        spelt = self._spelling.correct(fold(word))
        _keep(self, word, spelt)
        return spelt


class _Known(dict[str, str]):
    """Written words to those that mean something here, worked out once each; emptied when it has grown large."""

    def __init__(self, spelt: _Spelt, known: frozenset[str]) -> None:
        super().__init__()
        self._spelt = spelt
        self._words = known

    def __missing__(self, word: str) -> str:
        if len(word) > LONGEST_NUMBER and word.isdigit():
            return UNKNOWN
        spelt = self._spelt[word]
        if not (spelt in self._words or (len(spelt) <= LONGEST_NUMBER and not spelt.isalpha())):
            spelt = UNKNOWN
        _keep(self, word, spelt)
        return spelt


def _keep(words: dict[str, str], word: str, meaning: str) -> None:
    if len(word) <= LONGEST:
        if len(words) >= CACHED_WORDS:
            words.clear()
        words[word] = meaning


def _phrases(vocabulary: Vocabulary) -> Iterator[tuple[Phrases, Meaning]]:
    """Give the terms in the order in which a later one replaces an earlier one of the same words."""
    policy = vocabulary.policy
    for rule in vocabulary.rules:
        if rule.holds(policy):
            yield rule, Meaning("mention", rule)
    for number, compound in enumerate(vocabulary.compounds):
        yield compound.fillers, Meaning("filler")
        yield compound.signs, Meaning("sign", None, number)
        for part in compound.parts:
            if part.holds(policy):
                yield part, Meaning("part", part, number)
        for head in compound.heads:
            if head.holds(policy):
                yield head, Meaning("head", head, number)
    if vocabulary.axis and vocabulary.axis.holds(policy):
        for names in vocabulary.axis.names:
            if names.holds(policy):
                yield names, Meaning("axes" if names.second_of_three else "axis")
    for cues in vocabulary.cues:
        if cues.holds(policy):
            yield cues, Meaning(cues.kind)
