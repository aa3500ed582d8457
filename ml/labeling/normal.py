"""The normal form of a statement: what statements that say the same in other synonyms have in common."""

from collections.abc import Iterator, Mapping, Sequence

from ml.labeling.lexicon import MARKS, Item, Lexicon
from ml.labeling.mentions import Mention
from ml.labeling.terms import Terms, place_and_meaning, variants
from ml.labeling.vocabulary import Vocabulary


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
        """Give words with the longest synonym at each place replaced by its name."""
        place = 0
        for start, end, name in self._terms.walk(words, place_and_meaning):
            yield from words[place:start]
            yield name
            place = end
        yield from words[place:]


def normal_form(
    items: Sequence[Item | Mention], words: Sequence[str], names: Mapping[str, str], synonyms: Synonymy
) -> str:
    """Write a statement's words with names in place of their synonyms, without marks.

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
