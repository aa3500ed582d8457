"""A vocabulary compiled: from a statement's words to items, each a term of the vocabulary or a mark."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from ml.labeling.spelling import Spelling
from ml.labeling.terms import Terms
from ml.labeling.tokens import fold
from ml.labeling.vocabulary import Phrases, Rule, Vocabulary

CACHED_WORDS = 50_000
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
        self._spelling = Spelling(mentioning, known)
        self.spell = lru_cache(maxsize=CACHED_WORDS)(self._spell)

    def _spell(self, word: str) -> str:
        """Give a word in the form terms are compared in, without its typo."""
        return self._spelling.correct(fold(word))

    def items(self, words: Sequence[str]) -> list[Item]:
        """Give the terms and marks of correctly spelt words, left to right, none within another."""
        found: list[Item] = []
        place = 0
        for match in self._terms.find(words):
            found += self._marks(words, place, match.start)
            meaning = match.meaning
            found.append(Item(meaning.kind, match.start, match.end, meaning.rule, meaning.compound))
            place = match.end
        return found + self._marks(words, place, len(words))

    def _marks(self, words: Sequence[str], start: int, end: int) -> list[Item]:
        return [Item(MARKS[words[i]], i, i + 1, None, -1) for i in range(start, end) if words[i] in MARKS]


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
                yield names, Meaning("axis")
    for cues in vocabulary.cues:
        if cues.holds(policy):
            yield cues, Meaning(cues.kind)
