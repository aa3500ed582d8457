"""Reports to labels: statements, what they mention, and what the words around it say of it."""

from collections.abc import Sequence
from functools import lru_cache

from ml.labeling.codes import CodeBook
from ml.labeling.lexicon import Lexicon
from ml.labeling.lists import cuts
from ml.labeling.mentions import Mention, Mentions
from ml.labeling.normal import Synonymy, normal_form
from ml.labeling.reading import Code, Passage, Place, Reading, Said, Status, passage
from ml.labeling.scope import decide
from ml.labeling.statements import Splitter
from ml.labeling.tokens import tokenize
from ml.labeling.vocabulary import Vocabulary

CACHED = 50_000  # reports repeat themselves: most lines and sentences have been read before
CACHED_LENGTH = 200  # characters
CACHED_WORDS = 60


# Labels, status, first and last word (exclusive), the same of the cue, and whether it outweighs other mentions.
_Heard = tuple[tuple[str, ...], Status, int, int, tuple[int, int] | None, bool]


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
        self._synonyms = Synonymy(vocabulary, self._lexicon)
        self._read_lines_again = lru_cache(maxsize=CACHED)(self._read_lines)
        self._read_sentence_again = lru_cache(maxsize=CACHED)(self._read_sentence)
        self._read_words_again = lru_cache(maxsize=CACHED)(self._read_words)
        self._normal_again = lru_cache(maxsize=CACHED)(self._normal)

    def read(self, text: str) -> Reading:
        """Read a report's text. Any text is read, in time linear in its length."""
        passages: list[tuple[int, Passage]] = []
        for start, lines in self._splitter.passages(text):
            read = self._read_lines_again if len(lines) <= CACHED_LENGTH else self._read_lines
            for place, sentence in read(lines):
                passages.append((start + place, sentence))
        return Reading(self._keys, passages)

    def read_codes(self, codes: Sequence[Code]) -> Reading:
        """Read a report that is codes: each is a statement of the text that has them one a line."""
        statements, mentions = self._codes.read(codes)
        return Reading(self._keys, [(0, passage(self._keys, statements, mentions, [False] * len(mentions)))])

    def normal_form(self, statement: str) -> str:
        """Give what statements of one wording have in common, so that "AF" and "atrial fibrillation" are one.

        Words in lower case without typos or marks, every synonym of a label replaced by the label's name and every one
        of the vocabulary's other `synonyms` by theirs.
        """
        return self._normal_again(statement) if len(statement) <= CACHED_LENGTH else self._normal(statement)

    def _normal(self, statement: str) -> str:
        words = self._lexicon.spelt(tokenize(statement).words)
        return normal_form(
            self._mentions.resolve(self._lexicon.items(words), words), words, self._names, self._synonyms
        )

    def _read_lines(self, lines: str) -> list[tuple[int, Passage]]:
        read, read_again = self._read_sentence, self._read_sentence_again
        return [
            (place, (read_again if len(sentence) <= CACHED_LENGTH else read)(sentence))
            for place, sentence in self._splitter.sentences(lines)
        ]

    def _read_sentence(self, lines: str) -> Passage:
        statements: list[Place] = []
        mentions: list[Said] = []
        corrects: list[bool] = []
        for start, end, past in self._splitter.split(lines):
            written, places = tokenize(lines[start:end])
            words = tuple(self._lexicon.known(written))
            found, commas = (self._read_words_again if len(words) <= CACHED_WORDS else self._read_words)(words)
            for labels, status, first, last, cue, corrects_others in found:
                a, b = start + places[2 * first], start + places[2 * last - 1]
                said: Status = "historical" if past and status != "negated" else status
                if cue is None:
                    mentions += [(label, said, a, b, lines[a:b], None, None, None) for label in labels]
                else:
                    c, d = start + places[2 * cue[0]], start + places[2 * cue[1] - 1]
                    mentions += [(label, said, a, b, lines[a:b], lines[c:d], c, d) for label in labels]
                corrects += [corrects_others] * len(labels)
            begin = start
            for comma in () if past else commas:
                statements.append(_statement(lines, begin, start + places[2 * comma]))
                begin = start + places[2 * comma + 1]
            statements.append(_statement(lines, begin, end))
        return passage(self._keys, statements, mentions, corrects)

    def _read_words(self, words: tuple[str, ...]) -> tuple[tuple[_Heard, ...], tuple[int, ...]]:
        """Read a sentence's words; give what they say, and the words that are commas between its statements."""
        items = self._mentions.resolve(self._lexicon.items(words), words)
        said: list[_Heard] = []
        reaches: list[tuple[int, int]] = []
        for place, mention in enumerate(items):
            if not isinstance(mention, Mention) or not mention.labels:
                continue
            status, cue, corrects = decide(items, place, len(words))
            if cue is not None:
                reaches.append((min(mention.start, cue.start), max(mention.shown_end, cue.end)))
            if status is not None:
                reach = (cue.start, cue.end) if cue else None
                said.append((mention.labels, status, mention.start, mention.shown_end, reach, corrects))
        return tuple(said), tuple(cuts(items, reaches)) if said else ()


def _statement(text: str, start: int, end: int) -> Place:
    """Give the statement between two places, without the blanks around it."""
    said = text[start:end]
    kept = said.strip()
    start += len(said) - len(said.lstrip())
    return start, start + len(kept), kept
