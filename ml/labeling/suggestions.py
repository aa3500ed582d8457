"""Words that a reader who types two letters probably means: terms of a vocabulary that mention one label as present."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from ml.labeling.labeler import Labeler
from ml.labeling.vocabulary import Rule, Vocabulary

FEWEST_LETTERS = 2
MOST_OF_A_LABEL = 4


class Suggestion(NamedTuple):
    """A term and the label that it mentions."""

    term: str
    label: str


def suggestions(labeler: Labeler, typed: str, limit: int) -> list[Suggestion]:
    """Return terms in which a word begins as `typed` does: names of labels first, then terms that begin so themselves.

    Each is read by the labeler before it is offered: what is offered says that label, and no other. A label has a few.
    """
    wanted = " ".join(typed.lower().split())
    if len(wanted) < FEWEST_LETTERS:
        return []
    names = {label.name for label in labeler.vocabulary.labels}
    fitting = dict.fromkeys(each for each in _terms(labeler.vocabulary) if f" {wanted}" in f" {each.term.lower()}")
    ranked = sorted(fitting, key=lambda each: (each.term not in names, not each.term.lower().startswith(wanted)))
    offered: list[Suggestion] = []
    of_label = Counter[str]()
    words = set[str]()
    for each in ranked:
        if len(offered) == limit:
            break
        together = each.term.lower().replace(" ", "")
        if together in words:  # the same words in capitals, or run together
            continue
        said = [(finding.label, finding.status) for finding in labeler.read(each.term).findings]
        if of_label[each.label] < MOST_OF_A_LABEL and said == [(each.label, "present")]:
            offered.append(each)
            words.add(together)
            of_label[each.label] += 1
    return offered


def _terms(vocabulary: Vocabulary) -> Iterator[Suggestion]:
    """Yield the names of labels, then terms in the file's order: the usual words come first."""
    for label in vocabulary.labels:
        yield Suggestion(label.name, label.key)
    for rule in vocabulary.rules:
        if len(rule.labels) == 1 and rule.status == "present" and not rule.standalone:
            yield from (Suggestion(words, rule.labels[0]) for term in rule.all() for words in _written(term))
    for compound in vocabulary.compounds:
        for language in vocabulary.languages:
            heads = [words for rule in compound.heads for words in _of_language(rule, language)]
            for part in compound.parts:
                if len(part.labels) == 1 and heads:
                    for words in _of_language(part, language):
                        yield Suggestion(f"{words} {heads[0]}", part.labels[0])


def _of_language(rule: Rule, language: str) -> list[str]:
    return [words for term in rule.terms.get(language, ()) for words in _written(term)]


def _written(term: str) -> Iterator[str]:
    """Yield a term with the first of its words at each place, and without what may be left out.

    None where it has other marks than hyphens: nobody types them.
    """
    words = [part.split("|")[0] for part in term.split() if not (part[0] == "(" and part[-1] == ")")]
    if all(word.replace("-", "").isalnum() for word in words):
        yield " ".join(words)
