"""Reports to labels: statements, what they mention, and what the words around it say of it."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from ml.labeling.codes import CodeBook
from ml.labeling.lexicon import Lexicon
from ml.labeling.lists import cuts
from ml.labeling.mentions import Mention, Mentions
from ml.labeling.reading import Code, Finding, Reading, Statement, Status, by_precedence
from ml.labeling.scope import decide
from ml.labeling.statements import Splitter
from ml.labeling.tokens import tokenize
from ml.labeling.vocabulary import Vocabulary

CACHED_SENTENCES = 50_000  # reports repeat themselves: most sentences have been read before
CACHED_LENGTH = 200


class _Found(NamedTuple):
    """A finding with its places counted from the sentence's start; `corrects`: it outweighs other mentions."""

    label: str
    status: Status
    start: int
    end: int
    cue: tuple[int, int] | None
    corrects: bool


class _Sentence(NamedTuple):
    """What a sentence says, and the places of the statements it is made of."""

    found: tuple[_Found, ...]
    statements: tuple[tuple[int, int], ...]


class Labeler:
    """Reads reports with one vocabulary. A reading changes nothing but caches: threads may share a labeler."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self._keys = tuple(label.key for label in vocabulary.labels)
        self._lexicon = Lexicon(vocabulary)
        self._mentions = Mentions(vocabulary, self._lexicon)
        self._splitter = Splitter(vocabulary, self._lexicon)
        self._codes = CodeBook(vocabulary)
        self._read_again = lru_cache(maxsize=CACHED_SENTENCES)(self._read_sentence)

    def read(self, text: str) -> Reading:
        """Read a report's text. Any text is read, in time linear in its length."""
        statements: list[Statement] = []
        mentions: list[Finding] = []
        corrections: list[bool] = []
        for start, end, past in self._splitter.split(text):
            said = text[start:end]
            sentence = (self._read_again if end - start <= CACHED_LENGTH else self._read_sentence)(said, past)
            statements += [Statement(start + a, start + b, said[a:b]) for a, b in sentence.statements]
            for label, status, first, last, cue, corrects in sentence.found:
                cue_text = said[cue[0] : cue[1]] if cue else None
                mentions.append(Finding(label, status, start + first, start + last, said[first:last], cue_text))
                corrections.append(corrects)
        return Reading(self._keys, tuple(statements), by_precedence(self._keys, mentions, corrections))

    def read_codes(self, codes: Sequence[Code]) -> Reading:
        """Read a report that is codes: each is a statement of the text that has them one a line."""
        statements, mentions = self._codes.read(codes)
        return Reading(self._keys, statements, by_precedence(self._keys, mentions, [False] * len(mentions)))

    def _read_sentence(self, said: str, past: bool) -> _Sentence:
        tokens = tokenize(said)
        words = [self._lexicon.spell(token.word) for token in tokens]
        items = self._mentions.resolve(self._lexicon.items(words), words)
        found: list[_Found] = []
        reaches: list[tuple[int, int]] = []
        for place, mention in enumerate(items):
            if not isinstance(mention, Mention) or not mention.labels:
                continue
            status, cue, corrects = decide(items, place, len(words))
            if cue is not None:
                reaches.append((min(mention.start, cue.start), max(mention.shown_end, cue.end)))
            if status is None:
                continue
            if past and status != "negated":
                status = "historical"
            start, end = tokens[mention.start].start, tokens[mention.shown_end - 1].end
            cue_place = (tokens[cue.start].start, tokens[cue.end - 1].end) if cue else None
            found += [_Found(label, status, start, end, cue_place, corrects) for label in mention.labels]
        commas = [] if past else [tokens[word] for word in cuts(items, reaches)]
        edges = [0, *(place for comma in commas for place in (comma.start, comma.end)), len(said)]
        return _Sentence(
            tuple(found), tuple(_stripped(said, a, b) for a, b in zip(edges[::2], edges[1::2], strict=True))
        )


def _stripped(said: str, start: int, end: int) -> tuple[int, int]:
    piece = said[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
