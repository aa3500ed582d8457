"""A vocabulary compiled: from a statement's words to items, each a term of the vocabulary or a mark."""

import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

from ml.labeling.spelling import LONGEST, Spelling
from ml.labeling.terms import Terms, place_and_meaning, variants, words_in
from ml.labeling.tokens import fold, words_of
from ml.labeling.vocabulary import Phrases, Rule, Vocabulary

CACHED_WORDS = 50_000
LONGEST_NUMBER = 4  # characters, the sign included
SHORTEST_WORD = 3  # letters of a word that is missed when it is not understood
SHORTEST_FUSED = 8  # letters of words that are written as one; one of them has at least `LONG_PART`
LONG_PART = 5
MOST_PARTS = 4
# stand for words that are in no term; not tokens: no word of a text can be one
UNKNOWN = "\N{HORIZONTAL ELLIPSIS}"  # a word that is understood all the same
FOREIGN = "\N{TWO DOT LEADER}"  # one that is not
OTHER = "\N{VERTICAL ELLIPSIS}"  # one of a language that is not read: counts as three that are not understood
OTHERS_WEIGHT = 3
NUMBER = "#"  # a number, or a word too short to tell
LEADER = "..."  # dots before an answer are a colon
FUSED = "\N{MIDDLE DOT}"  # words that are written as one
MARKS = {
    ",": "comma",
    "-": "comma",
    ":": "colon",
    "(": "open",
    ")": "close",
    ".": "stop",
    "!": "stop",
    "/": "slash",
    "=": "colon",
}


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


class Others(NamedTuple):
    """Words of languages that are not read, and endings of such words."""

    words: frozenset[str]
    endings: tuple[str, ...]


class Lexicon:
    """Every term of a vocabulary that its policy's switches leave on, in one trie."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        entries = [(term, meaning) for phrases, meaning in meanings(vocabulary) for term in phrases.all()]
        self._terms = Terms(entries, ((mark, Meaning(kind)) for mark, kind in MARKS.items()))
        mentioning = words_in(term for term, meaning in entries if meaning.rule is not None)
        stance_words = words_in(
            term for entry in (*vocabulary.stance_synonyms, *vocabulary.stances) for term in entry.all()
        )
        known = self._terms.words | stance_words
        known |= words_in((*vocabulary.not_misspelt.all(), *vocabulary.dates.all()))
        self._other_phrases = Terms((phrase, True) for phrase in vocabulary.other_phrases)
        self.of_no_language = frozenset(map(fold, vocabulary.of_no_language))
        self._spelt = _Spelt(Spelling(mentioning, known | self._other_phrases.words))
        rules = [meaning.rule for _, meaning in entries if meaning.rule is not None]
        apart = {fold(word) for rule in rules for term in rule.unless for word in term.split()}
        fillers = words_in(vocabulary.axis.fillers.all()) if vocabulary.axis else set()
        self.signatures = _signatures(vocabulary)
        spelled = self._terms.spelled
        self.answers = frozenset(words[1] for words in spelled if len(words) == 2 and words[0] == "?")
        known_words = self._terms.words | fillers | apart | stance_words | {"at", "rate", "minus"}
        named = [*(label.name for label in vocabulary.labels), *(entry.name for entry in vocabulary.synonyms)]
        others = (*vocabulary.synonyms, *vocabulary.fields, vocabulary.dates, vocabulary.common_words)
        elsewhere = [phrases.all() for phrases in others]
        self._understood = known_words | known | words_in(itertools.chain(*elsewhere, vocabulary.abbreviations.all()))
        self._understood |= {word for name in named for word in words_of(name)}
        self._known = _Known(
            self._spelt,
            frozenset(known_words | self._other_phrases.words | self.of_no_language),
            signatures=self.signatures,
            understood=frozenset(self._understood),
            others=Others(
                frozenset(map(fold, vocabulary.other_languages)) - self._understood, vocabulary.other_endings
            ),
            parted=self.parts,
        )

    def parts(self, word: str) -> list[str]:
        """Return the words that a word is made of where a blank is missing: "probableleft"; else nothing.

        Each has at least `SHORTEST_WORD` letters and is in a term as it is written.
        """
        return _parts(word, self._terms.words, MOST_PARTS) if SHORTEST_FUSED <= len(word) <= LONGEST else []

    def spelt(self, words: Sequence[str]) -> list[str]:
        """Return words in the form in which terms are compared, without their typos."""
        spelt = self._spelt
        return [spelt[word] for word in words]

    def known(self, words: Sequence[str]) -> list[str]:
        """Return words as `spelt` does, with a sign for each that is in no term: it changes no sentence's meaning.

        The sign says whether the word is understood, is not, or is a number. Numbers of up to three digits are kept:
        they may be an axis or a rate. So are the words of `signatures`.
        """
        known = self._known
        return [known[word] for word in words]

    def other_phrases(self, words: Sequence[str]) -> list[tuple[int, int, bool]]:
        """Return where phrases of other languages are in words that `known` gave: first word, last (exclusive)."""
        if self._other_phrases.begins.isdisjoint(words):
            return []
        return self._other_phrases.walk(words, place_and_meaning)

    def not_understood(self, words: Sequence[str]) -> tuple[str, ...]:
        """Return those of correctly spelt words of `SHORTEST_WORD` letters or more that the vocabulary nowhere has."""
        return tuple(
            word for word in words if len(word) >= SHORTEST_WORD and word.isalpha() and word not in self._understood
        )

    def neighbours(
        self, beginning: Collection[str], ending: Collection[str]
    ) -> tuple[frozenset[tuple[str, ...]], frozenset[tuple[str, ...]], frozenset[tuple[str, ...]]]:
        """Return the first two words of terms of some kinds, the last two of others, and all neighbours in a term.

        Of a term of one word, that one.
        """
        first, last, together = set[tuple[str, ...]](), set[tuple[str, ...]](), set[tuple[str, ...]]()
        for words, meaning in self._terms.spelled.items():
            if meaning.kind in beginning:
                first.add(words[:2])
            if meaning.kind in ending:
                last.add(words[-2:])
            together.update(itertools.pairwise(words))
        return frozenset(first), frozenset(last), frozenset(together)

    def items(self, words: Sequence[str]) -> list[Item]:
        """Return the terms and marks in correctly spelt words: the longest at each place, none nested."""
        return self._terms.walk(words, _item)


def _item(start: int, end: int, meaning: Meaning) -> Item:
    kind, rule, compound = meaning
    return Item(kind, start, end, rule, compound)


class _Spelt(dict[str, str]):
    """Written words and their corrected forms, each computed once; emptied when it is large."""

    def __init__(self, spelling: Spelling) -> None:
        super().__init__()
        self._spelling = spelling

    def __missing__(self, word: str) -> str:
        spelt = ":" if word.startswith(LEADER) else self._spelling.correct(fold(word))
        _keep(self, word, spelt)
        return spelt


class _Known(dict[str, str]):
    """Written words and the words they count as, each computed once; emptied when it is large."""

    def __init__(
        self,
        spelt: _Spelt,
        known: frozenset[str],
        *,
        signatures: frozenset[str],
        understood: frozenset[str],
        others: Others,
        parted: Callable[[str], list[str]],
    ) -> None:
        super().__init__()
        self._spelt = spelt
        self._words = known
        self._understood = understood
        self._others = others
        self._signatures = signatures
        self._parted = parted

    def __missing__(self, word: str) -> str:
        if len(word) > LONGEST_NUMBER and word.isdigit():
            return NUMBER
        spelt = fold(word)
        if spelt in self._others.words:
            spelt = OTHER
        elif spelt not in self._signatures:
            spelt = self._spelt[word]
            if not (spelt in self._words or (len(spelt) <= LONGEST_NUMBER and not spelt.isalpha())):
                spelt = self._sign(spelt, word)
        _keep(self, word, spelt)
        return spelt

    def _sign(self, spelt: str, written: str) -> str:
        if spelt in self._understood:
            return UNKNOWN
        if self._parted(written):
            return FUSED
        if spelt.endswith(self._others.endings) or (len(written) > 1 and any(map(_is_other_letter, written))):
            return OTHER
        return FOREIGN if len(spelt) >= SHORTEST_WORD and spelt.isalpha() else NUMBER


def _is_other_letter(letter: str) -> bool:
    """Whether a letter is in no English or German word, but "µ" and the like, which stand in measurements."""
    return letter > "\x7f" and letter not in "äöüßÄÖÜẞµμªº" and letter.isalpha()


def _parts(word: str, known: Collection[str], most: int) -> list[str]:
    for end in range(len(word) - SHORTEST_WORD, SHORTEST_WORD - 1, -1):
        if fold(word[:end]) not in known:
            continue
        rest = word[end:]
        others = [rest] if fold(rest) in known else _parts(rest, known, most - 1) if most > 2 else []
        if others and max(map(len, (word[:end], *others))) >= LONG_PART:
            return [word[:end], *others]
    return []


def _keep(words: dict[str, str], word: str, meaning: str) -> None:
    if len(word) <= LONGEST:
        if len(words) >= CACHED_WORDS:
            words.clear()
        words[word] = meaning


def _signatures(vocabulary: Vocabulary) -> frozenset[str]:
    """Return the words that begin what is left out to the end of its line: "Confirmed by …"."""
    fields = [field for field in vocabulary.fields if field.kind == "ignored_to_line_end"]
    terms = [term for field in fields if field.holds(vocabulary.policy) for term in field.all()]
    return frozenset(words[0] for term in terms for words in variants(term))


def meanings(vocabulary: Vocabulary) -> Iterator[tuple[Phrases, Meaning]]:
    """Yield the terms in the order in which a later one replaces an earlier one of the same words."""
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
