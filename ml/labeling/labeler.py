"""Reports to labels: statements, what they mention, and what the words around it say of it."""

from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter

from ml.labeling.codes import CodeBook
from ml.labeling.composed import compose
from ml.labeling.cues import CUES
from ml.labeling.findings import Code
from ml.labeling.labeled_report import LabeledReport
from ml.labeling.lexicon import FOREIGN, OTHER, OTHERS_WEIGHT, UNKNOWN, Lexicon
from ml.labeling.lists import cuts
from ml.labeling.mentions import Mention, Mentions
from ml.labeling.normal import Dates, Synonymy, normal_form, without_dates
from ml.labeling.passages import NO_LABELS, Heard, Passage, Piece, Spoken, heard
from ml.labeling.scope import Decision, Traits, decide
from ml.labeling.sections import Sections
from ml.labeling.stances import StanceFinder
from ml.labeling.statements import Splitter
from ml.labeling.tokens import tokenize
from ml.labeling.transitions import Transitions
from ml.labeling.vocabulary import Vocabulary

CACHED = 10_000  # reports repeat themselves: most lines and sentences have been read before
CACHED_LENGTH = 200  # characters
CACHED_WORDS = 60


class Labeler:
    """Reads reports with one vocabulary. Reading changes nothing but caches: threads may share a labeler."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self._keys = tuple(label.key for label in vocabulary.labels)
        self._unread_above = vocabulary.unread_above
        self._bits = {key: 1 << bit for bit, key in enumerate(self._keys)}
        self._names = {label.key: label.name.lower() for label in vocabulary.labels}
        self._lexicon = Lexicon(vocabulary)
        self._mentions = Mentions(vocabulary, self._lexicon)
        self._transitions = Transitions(vocabulary)
        self._traits = Traits(
            frozenset(label.key for label in vocabulary.labels if label.shape),
            frozenset(label.key for label in vocabulary.labels if label.variant),
            frozenset(label.key for label in vocabulary.labels if label.rhythm),
        )
        self._splitter = Splitter(vocabulary, self._lexicon)
        self._stances = StanceFinder(vocabulary)
        self._sections = Sections(vocabulary)
        self._codes = CodeBook(vocabulary)
        self._synonyms = Synonymy(vocabulary, self._lexicon)
        self._dates = Dates(vocabulary)
        self._read_lines_again = lru_cache(maxsize=CACHED)(self._read_lines)
        self._read_sentence_again = lru_cache(maxsize=CACHED)(self._read_sentence)
        self._heard_again = lru_cache(maxsize=CACHED)(self._heard)
        self._normal_again = lru_cache(maxsize=CACHED)(self._normal)
        self._missed_again = lru_cache(maxsize=CACHED)(self._missed)

    def read(self, text: str, language: str | None = None) -> LabeledReport:
        """Return what a text says. Any text is read, in time linear in its length.

        `language` is the text's ISO 639 code, where that is known: a report in one that the vocabulary does not have is
        unread, in one that it has never. Else the words decide.
        """
        composed = compose(text)
        text = text if composed is None else composed.text
        sections = self._sections.find(text)
        if sections is None:
            passages = self._passages(text, 0, len(text))
        else:
            before = self._passages(text, *sections.before)
            first = [passage for stretch in sections.first for passage in self._passages(text, *stretch)]
            final = [passage for stretch in sections.final for passage in self._passages(text, *stretch)]
            if all(passage.stance != "agrees" for _, passage in final):
                first = [(place, passage.superseded()) for place, passage in first]
            passages = sorted([*before, *first, *final], key=itemgetter(0))
        if language is None:
            return LabeledReport(self._keys, passages, composed, unread_above=self._unread_above)
        return LabeledReport(self._keys, passages, composed, unread=language not in self.vocabulary.languages)

    def _passages(self, text: str, begin: int, end: int) -> list[tuple[int, Passage]]:
        """Return the passages of a stretch of a text, each with its place in the text."""
        passages: list[tuple[int, Passage]] = []
        for start, lines in self._splitter.passages(text[begin:end]):
            read = self._read_lines_again if len(lines) <= CACHED_LENGTH else self._read_lines
            for place, sentence in read(lines):
                passages.append((begin + start + place, sentence))
        return passages

    def read_codes(self, codes: Sequence[Code]) -> LabeledReport:
        """Return what codes say: each is a statement of the text that has one code a line."""
        return LabeledReport(self._keys, [(0, self._codes.read(codes))], codes=codes)

    def normal_form(self, statement: str) -> str:
        """Return what statements of one wording have in common, so that "AF" and "atrial fibrillation" are one.

        Words are in lower case without typos or marks. Each synonym of a label is replaced by the label's name, each of
        the vocabulary's other `synonyms` by its name, and each date or time by "date".
        """
        return self._normal_again(statement) if len(statement) <= CACHED_LENGTH else self._normal(statement)

    def not_understood(self, statement: str) -> tuple[str, ...]:
        """Return the words of a statement that the vocabulary nowhere has."""
        return self._missed_again(statement) if len(statement) <= CACHED_LENGTH else self._missed(statement)

    def _missed(self, statement: str) -> tuple[str, ...]:
        return self._lexicon.not_understood(self._lexicon.spelt(tokenize(_plain(statement)).words))

    def _normal(self, statement: str) -> str:
        words = self._dates.replaced(self._lexicon.spelt(tokenize(without_dates(_plain(statement))).words))
        return normal_form(
            self._mentions.resolve(self._lexicon.items(words), words), words, self._names, self._synonyms
        )

    def _read_lines(self, lines: str) -> list[tuple[int, Passage]]:
        sentences = self._splitter.sentences(lines)
        if len(sentences) == 1:
            return [(0, self._read_sentence(lines))]
        read, read_again = self._read_sentence, self._read_sentence_again
        return [
            (place, (read_again if len(sentence) <= CACHED_LENGTH else read)(sentence)) for place, sentence in sentences
        ]

    def _read_sentence(self, text: str) -> Passage:
        words = self._splitter.words(text)
        if words.alone:
            return Passage(text, [Piece(0, words.end, False, words.places, self._hear(words.known))])
        pieces: list[Piece] = []
        for start, end, past in self._splitter.split(text):
            within = self._splitter.words(text[start:end])
            pieces.append(Piece(start, end, past, within.places, self._hear(within.known)))
        return Passage(text, pieces)

    def _hear(self, words: tuple[str, ...]) -> Heard:
        return self._heard_again(words) if len(words) <= CACHED_WORDS else self._heard(words)

    def _heard(self, words: tuple[str, ...]) -> Heard:
        """Return what a sentence's words say."""
        settled = self._transitions.settle(self._lexicon.items(words), len(words))
        items = self._mentions.resolve(settled, words)
        stance = self._stances.find(words)
        phrases = self._lexicon.other_phrases(words)
        foreign = words.count(FOREIGN) + OTHERS_WEIGHT * (words.count(OTHER) + len(phrases))
        telling = [word for word in words if word not in self._lexicon.of_no_language]
        count = foreign + words.count(UNKNOWN) + sum(map(str.isalpha, telling))
        # half a phrase is ours, whatever its length: it tells alone, not beside another word of ours
        count += sum(OTHERS_WEIGHT - (end - start) for start, end, _ in phrases)
        if not any(isinstance(item, Mention) for item in items):
            # whether a word is unknown matters beside a label only
            return Heard((), (), NO_LABELS, 0, stance, words=count, foreign=foreign)
        said: list[Spoken] = []
        reaches: list[tuple[int, int]] = []
        cued = not CUES.isdisjoint([item.kind for item in items])
        for place, mention in enumerate(items):
            if not isinstance(mention, Mention) or not mention.labels:
                continue
            status, cue, corrects = (
                decide(items, place, len(words), self._traits) if cued else Decision(mention.status, None)
            )
            first, last = mention.shown_start, mention.shown_end
            if cue is not None:
                reaches.append((min(first, cue.start), max(last, cue.end)))
            elif last - first > mention.end - mention.start:
                reaches.append((first, last))
            if status is not None:
                reach = (cue.start, cue.end) if cue else None
                said.append((mention.labels, status, first, last, reach, corrects))
        return heard(
            self._bits,
            said,
            cuts(items, reaches) if said else (),
            stance=stance,
            unknown=UNKNOWN in words or foreign > 0,
            words=count,
            foreign=foreign,
        )


def _plain(text: str) -> str:
    composed = compose(text)
    return text if composed is None else composed.text
