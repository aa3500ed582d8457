"""The normal form of a statement: what statements that say the same in other synonyms have in common."""

from collections.abc import Mapping, Sequence

from ml.labeling.lexicon import MARKS, Item
from ml.labeling.mentions import Mention


def normal_form(items: Sequence[Item | Mention], words: Sequence[str], names: Mapping[str, str]) -> str:
    """Write a statement's words with the labels' names in place of their synonyms, without marks.

    What a compound's parts have in common ("infarct" of "anterior and inferior infarct") stands in the names already.
    """
    compound = any(isinstance(item, Mention) and item.labels and item.group != item.start for item in items)
    written: list[str] = []
    place = 0
    for item in items:
        if item.start < place:
            continue
        written += words[place : item.start]
        if isinstance(item, Mention) and item.labels:
            name = " and ".join(names[label] for label in item.labels)
            written.append(name if item.status == "present" else f"{item.status} {name}")
        elif not (compound and item.kind in ("head", "filler")):
            written += words[item.start : item.end]
        place = item.end
    return " ".join(word for word in [*written, *words[place:]] if word not in MARKS and word not in "?;&+[]")
