"""Reports to labels: statements, what they mention, and what the words around it say of it."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from ml.labeling.codes import CodeBook
from ml.labeling.lexicon import Lexicon
from ml.labeling.lists import cuts
from ml.labeling.mentions import Mention, Mentions
from ml.labeling.normal import normal_form
from ml.labeling.reading import Code, Finding, Passage, Reading, Statement, Status, passage
from ml.labeling.scope import decide
from ml.labeling.statements import Splitter
from ml.labeling.tokens import tokenize
from ml.labeling.vocabulary import Vocabulary

CACHED = 50_000  # reports repeat themselves: most lines and sentences have been read before
CACHED_LENGTH = 200  # characters


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
        self._names = {label.key: label.name.lower() for label in vocabulary.labels}
        self._lexicon = Lexicon(vocabulary)
        self._mentions = Mentions(vocabulary, self._lexicon)
        self._splitter = Splitter(vocabulary, self._lexicon)
        self._codes = CodeBook(vocabulary)
        self._read_lines_again = lru_cache(maxsize=CACHED)(self._read_lines)
        self._read_sentence_again = lru_cache(maxsize=CACHED)(self._read_sentence)
        self._normal_again = lru_cache(maxsize=CACHED)(self._normal)

    def read(self, text: str) -> Reading:
        """Read a report's text. Any text is read, in time linear in its length."""
        passages = []
        for start, lines in self._splitter.passages(text):
            read = self._read_lines_again if len(lines) <= CACHED_LENGTH else self._read_lines
            passages.append((start, read(lines)))
        return Reading(self._keys, passages)

    def read_codes(self, codes: Sequence[Code]) -> Reading:
        """Read a report that is codes: each is a statement of the text that has them one a line."""
        statements, mentions = self._codes.read(codes)
        return Reading(self._keys, [(0, passage(self._keys, statements, mentions, [False] * len(mentions)))])

    def normal_form(self, statement: str) -> str:
        """Give what statements of one wording have in common, so that "AF" and "atrial fibrillation" are one.

        Words in lower case without typos or marks, every synonym of a label replaced by the label's name.
        """
        return self._normal_again(statement) if len(statement) <= CACHED_LENGTH else self._normal(statement)

    def _normal(self, statement: str) -> str:
        words = self._lexicon.spelt(tokenize(statement).words)
        return normal_form(self._mentions.resolve(self._lexicon.items(words), words), words, self._names)

    def _read_lines(self, lines: str) -> Passage:
        statements: list[Statement] = []
        mentions: list[Finding] = []
        corrects: list[bool] = []
        for start, end, past in self._splitter.split(lines):
            said = lines[start:end]
            sentence = (self._read_sentence_again if end - start <= CACHED_LENGTH else self._read_sentence)(said, past)
            statements += [Statement(start + a, start + b, said[a:b]) for a, b in sentence.statements]
            for label, status, first, last, cue, corrects_others in sentence.found:
                shown = said[first:last]
                if cue is None:
                    mentions.append(Finding(label, status, start + first, start + last, shown))
                else:
                    a, b = cue
                    mentions.append(
                        Finding(label, status, start + first, start + last, shown, said[a:b], start + a, start + b)
                    )
                corrects.append(corrects_others)
        return passage(self._keys, statements, mentions, corrects)

    def _read_sentence(self, said: str, past: bool) -> _Sentence:
        tokens = tokenize(said)
        words = self._lexicon.spelt(tokens.words)
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
            start, end = tokens.start(mention.start), tokens.end(mention.shown_end - 1)
            cue_place = (tokens.start(cue.start), tokens.end(cue.end - 1)) if cue else None
            found += [_Found(label, status, start, end, cue_place, corrects) for label in mention.labels]
        commas = [] if past or not found else cuts(items, reaches)
        edges = [0, *(place for comma in commas for place in (tokens.start(comma), tokens.end(comma))), len(said)]
        return _Sentence(
            tuple(found), tuple(_stripped(said, a, b) for a, b in zip(edges[::2], edges[1::2], strict=True))
        )


def _stripped(said: str, start: int, end: int) -> tuple[int, int]:
    piece = said[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
