"""The normal form of a statement: what statements that say the same in other synonyms have in common."""

import re
from collections.abc import Iterator, Mapping, Sequence

from ml.labeling.lexicon import MARKS, Item, Lexicon
from ml.labeling.mentions import Mention
from ml.labeling.terms import Terms, place_and_meaning, variants, words_in
from ml.labeling.vocabulary import Vocabulary

DATE = "date"  # stands for a date, a time, or both
MOST_PARTS = 8  # words of a date with its time: "Monday 14 March 2011 at 9 15 am"

_DATE_MARKS = frozenset("-/.:")
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_DATES = re.compile(
    rf"(?<![\d/.-])(?:(?:19|20)\d\d([-/.])(?:0?[1-9]|1[0-2])\1{_DAY}(?:T\d\d:\d\d(?::\d\d)?Z?)?"
    rf"|{_DAY}([-/.]){_DAY}\2(?:19|20)?\d\d"
    r"|(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?)(?![\d:/-])"
)


def without_dates(text: str) -> str:
    """Return a text with "date" for each date and time that is written in numbers."""
    return text if _DATE_MARKS.isdisjoint(text) else _DATES.sub(DATE, text)


class Dates:
    """A vocabulary's words of dates and times: months, and what stands beside a time."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._words = words_in(vocabulary.dates.all())

    def replaced(self, words: Sequence[str]) -> list[str]:
        """Return words with "date" for each run of such words and numbers: "14 mar 2011", "10 uhr 15"."""
        if DATE not in words and self._words.isdisjoint(words):
            return list(words)
        written: list[str] = []
        place = 0
        while place < len(words):
            end = place
            while end < min(len(words), place + MOST_PARTS) and self._goes_on(words, place, end):
                end += 1
            run = words[place:end]
            if DATE in run or (len(run) > 1 and not self._words.isdisjoint(run)):
                written.append(DATE)
            else:
                end = max(end, place + 1)
                written += words[place:end]
            place = end
        return written

    def _goes_on(self, words: Sequence[str], start: int, place: int) -> bool:
        """Whether a word is part of a date, or a mark between two parts."""
        if words[place] in MARKS:
            return start < place < len(words) - 1 and self._is_part(words[place + 1])
        return self._is_part(words[place])

    def _is_part(self, word: str) -> bool:
        return word == DATE or word in self._words or (word.isdigit() and len(word) <= 4)


class Synonymy:
    """A vocabulary's synonyms of what is no label, in the words that a statement has once its typos are mended."""

    def __init__(self, vocabulary: Vocabulary, lexicon: Lexicon) -> None:
        self._terms = Terms(
            (" ".join(lexicon.spelt(words)), entry.name.lower())
            for entry in vocabulary.synonyms
            for term in (*entry.all(), entry.name)
            for words in variants(term)
        )

    def replaced(self, words: Sequence[str]) -> Iterator[str]:
        """Yield the words, with the longest synonym at each place replaced by its name."""
        place = 0
        for start, end, name in self._terms.walk(words, place_and_meaning):
            yield from words[place:start]
            yield name
            place = end
        yield from words[place:]


def normal_form(
    items: Sequence[Item | Mention], words: Sequence[str], names: Mapping[str, str], synonyms: Synonymy
) -> str:
    """Return a statement's words with names in place of their synonyms, without marks.

    What a compound's parts have in common ("infarct" of "anterior and inferior infarct") stands in the names already.
    """
    compound = any(isinstance(item, Mention) and item.labels and item.group != item.start for item in items)
    written: list[str] = []
    rest: list[str] = []  # words since the last label
    place = 0
    for item in items:
        if item.start < place:
            continue
        rest += words[place : item.start]
        if isinstance(item, Mention) and item.labels:
            name = " and ".join(names[label] for label in item.labels)
            written += [*synonyms.replaced(rest), name if item.status == "present" else f"{item.status} {name}"]
            rest = []
        elif not (compound and item.kind in ("head", "filler")):
            rest += words[item.start : item.end]
        place = item.end
    written += synonyms.replaced([*rest, *words[place:]])
    return " ".join(word for word in written if word not in MARKS and word not in "?;&+[]")
