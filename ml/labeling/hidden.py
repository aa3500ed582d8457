"""Terms of a vocabulary that find nothing, because another entry has the same words or something cuts them apart."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from ml.labeling.labeler import Labeler
from ml.labeling.lexicon import Meaning, meanings
from ml.labeling.terms import variants
from ml.labeling.vocabulary import Phrases, Rule, Vocabulary, all_parts
from ml.labeling.yaml_text import Place, dotted

NAMED = 100


class Hidden(NamedTuple):
    """A term that finds nothing: where it stands, its words that do not count, and what hides them."""

    place: str
    term: str
    words: str
    by: str

    def __str__(self) -> str:
        return f'{self.place}: "{self.term}" finds nothing as "{self.words}": {self.by}'


class _Entry(NamedTuple):
    """A term with its place and what it means; terms of equal `effect` may replace each other."""

    place: Place
    term: str
    effect: tuple[Any, ...]
    labels: tuple[str, ...]


def hidden_terms(labeler: Labeler) -> list[Hidden]:
    """Return the hidden terms of a vocabulary under its policy, at most `NAMED`.

    A term that mentions labels counts when any of its writings is hidden; another one when all are.
    """
    found: list[Hidden] = []
    for group in _groups(labeler.vocabulary):
        spelled = [(entry, variants(entry.term)) for entry in group]
        last = {words: entry for entry, writings in spelled for words in writings}
        for entry, writings in spelled:
            hidden = [words for words in writings if last[words].effect != entry.effect]
            if hidden and (entry.labels or len(hidden) == len(writings)):
                found.append(_replaced(entry, hidden[0], last[hidden[0]]))
            elif not hidden and entry.effect[0] == "mention" and (apart := _unread(labeler, entry, writings)):
                reason = "read alone it gives no finding, because a field, a cue or the end of a sentence is in it"
                found.append(Hidden(dotted(entry.place), entry.term, apart, reason))
            if len(found) == NAMED:
                return found
    return found


def _replaced(entry: _Entry, words: tuple[str, ...], other: _Entry) -> Hidden:
    reason = f'{dotted(other.place)} "{other.term}" has the same words, and counts instead'
    return Hidden(dotted(entry.place), entry.term, " ".join(words), reason)


def _unread(labeler: Labeler, entry: _Entry, writings: list[tuple[str, ...]]) -> str | None:
    """Return a writing of a term that, in none of its writings, gives its labels when it is all that a report says."""
    text = ""
    for words in writings if entry.labels else ():
        text = " ".join(words).replace(" .", ".")  # as people write it
        if {finding.label for finding in labeler.read(text).findings}.issuperset(entry.labels):
            return None
    return text or None


def _groups(vocabulary: Vocabulary) -> Iterator[list[_Entry]]:
    """Yield the entries that are looked up together, in the order in which a later one replaces an earlier one."""
    places = {id(part): place for place, part in all_parts(vocabulary)}
    policy = vocabulary.policy
    yield [each for phrases, meaning in meanings(vocabulary) for each in _spelled(places, phrases, *_effect(meaning))]
    fields = [field for field in vocabulary.fields if field.kind != "unit" and field.holds(policy)]
    yield [each for field in fields for each in _spelled(places, field, (field.kind,), ())]
    stances = [entry for entry in vocabulary.stances if entry.holds(policy)]
    yield [each for entry in stances for each in _spelled(places, entry, (entry.stance, entry.begins, entry.ends), ())]


def _effect(meaning: Meaning) -> tuple[tuple[Any, ...], tuple[str, ...]]:
    rule: Rule | None = meaning.rule
    if rule is None:
        return (meaning.kind, meaning.compound), ()
    return (meaning.kind, meaning.compound, rule.labels, rule.status, rule.standalone, rule.unless), rule.labels


def _spelled(
    places: dict[int, Place], phrases: Phrases, effect: tuple[Any, ...], labels: tuple[str, ...]
) -> Iterator[_Entry]:
    for language, terms in phrases.terms.items():
        for i, term in enumerate(terms):
            yield _Entry((*places[id(phrases)], "terms", language, i), term, effect, labels)
