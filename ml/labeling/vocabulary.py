"""A vocabulary: labels, terms, cues and codes as data, in a versioned YAML file."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from ml.labeling.code_systems import Codes, CodeSystem, codes_of_two_kinds
from ml.labeling.findings import SaidStance, Status
from ml.labeling.parts import Key, Name, Part, Switched, Switches
from ml.labeling.policy import Policy
from ml.labeling.terms import count_words, variants
from ml.labeling.yaml_text import MISTAKES_NAMED, Node, NotYaml, Place, dotted, read_yaml

MAX_BYTES = 1_000_000
MAX_WORDS = 500_000  # of all terms spelt out; the shipped ones have up to 430,000

Mistake = tuple[Place, str]


def _is_term(term: str) -> str:
    count_words(term)
    return term


Version = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
Term = Annotated[str, StringConstraints(min_length=1, max_length=300), AfterValidator(_is_term)]
CueKind = Literal[
    "hedge", "hedge_after", "differential", "negation", "negation_list", "negation_after", "contrast",
    "inability", "exclusion", "exclusion_after", "answer_no", "answer_yes", "box_no", "box_yes",
    "variant", "support", "examination", "by_examination", "elsewhere", "from", "known",
    "complement", "slight", "state_after", "swap", "replaced",
    "historical", "historical_after", "historical_aside", "past_tracing", "told", "past_reading",
    "noted_before", "becomes",
    "correction", "correction_after", "withheld", "withheld_after", "shape", "shape_hedge",
    "affirmation", "neutral", "unchanged", "attachment", "clause", "and", "or", "versus", "to", "age",
]  # fmt: skip
Where = Literal["answers", "before_finding", "before_now", "opens", "closes", "ticks"]
FieldKind = Literal[
    "ignored",
    "ignored_to_line_end",
    "measurement",
    "measurement_in_row",
    "unit",
    "history",
    "history_dropped",
    "first_reading",
    "final_reading",
]


Weight = Literal["none", "minor", "major"]


class VocabularyError(ValueError):
    """A vocabulary that cannot be used; the message names the first mistakes, each with its line and place."""


class Label(Part):
    """One label: `key` for programs, `name` for people."""

    key: Key
    name: Name
    shape: bool = False  # of the QRS: what a paced or an ectopic beat has as well
    variant: bool = False  # what a normal heart may show as well
    rhythm: bool = False  # one of several of which a tracing has one
    weight: Weight | None = None  # how much a change of it matters; None: as `ml.labeling.weights` says


class Phrases(Switched):
    """Terms by language."""

    terms: dict[Language, tuple[Term, ...]]

    def all(self) -> tuple[str, ...]:
        """Return the terms of all languages."""
        return tuple(term for terms in self.terms.values() for term in terms)


class Rule(Phrases):
    """Terms that mention labels; with none, they take words away from shorter terms.

    `standalone`: only as an item of a list or with a rate ("ST 112"). `unless`: not with one of these words in the
    same clause ("LAD" beside "stenosis" is an artery).
    """

    labels: tuple[Key, ...] = ()
    status: Status = "present"
    standalone: bool = False
    unless: tuple[Term, ...] = ()


class Compound(Part):
    """A finding whose parts and head may stand apart: "anterior and inferior wall infarcts".

    `signs` (ST elevation) lend their parts to a hedged head that has none: "inferior ST elevation, consider infarct".
    """

    heads: tuple[Rule, ...]
    parts: tuple[Rule, ...]
    fillers: Phrases
    signs: Phrases


class AxisRange(Part):
    """Degrees above `above` and below `below` mention the labels."""

    labels: tuple[Key, ...]
    above: int
    below: int


class AxisNames(Phrases):
    """What the axis is called; with `second_of_three`, it is the middle number of three ("P-R-T axes 48 -41 55")."""

    second_of_three: bool = False


class Axis(Switched):
    """The QRS axis as a number."""

    names: tuple[AxisNames, ...]
    fillers: Phrases
    ranges: tuple[AxisRange, ...]


class Cues(Phrases):
    """Words that say something of the findings around them; the YAML file describes the kinds."""

    kind: CueKind


class Transition(Part):
    """What cues of some kinds become: behind a cue of one of the kinds `behind` in the same clause, or anywhere.

    No finding stands between the two, unless `over_findings`; if `adjacent`, nothing that says anything. `takes`: that
    cue says nothing else. `before`: only before a finding of one of these labels. `where`: only at such a place;
    `ml.labeling.transitions` says which these are. The first transition that holds counts.
    """

    cues: tuple[CueKind, ...]
    behind: tuple[CueKind, ...] = ()
    adjacent: bool = False
    over_findings: bool = False
    takes: bool = False
    before: tuple[Key, ...] = ()
    where: Where | None = None
    becomes: CueKind


class Fields(Phrases):
    """Words that begin a line or field that does not read this tracing, or that end its measurements.

    `unless`: one of these follows, where what is ignored begins within a line.
    """

    kind: FieldKind
    unless: tuple[Term, ...] = ()


class Stances(Phrases):
    """Words by which a report agrees with the machine's, or says that the tracing cannot be read.

    They are compared with a sentence whose `stance_synonyms` are replaced by their names. `begins`, `ends`: only where
    they begin, or end, a clause. `read` takes words away from shorter terms.
    """

    stance: SaidStance
    begins: bool = False
    ends: bool = False


class Synonyms(Phrases):
    """Terms that are written as `name` before words are compared; no finding comes of them."""

    name: Annotated[Name, AfterValidator(_is_term)]


class Vocabulary(Part):
    """A whole vocabulary. The order of `labels` is the order of the masks' bits."""

    version: Version
    languages: Annotated[tuple[Language, ...], Field(min_length=1)]
    labels: Annotated[tuple[Label, ...], Field(min_length=1, max_length=63)]
    policy: Policy = Policy()
    profiles: dict[Key, Switches] = Field(default_factory=dict)
    rules: tuple[Rule, ...]
    compounds: tuple[Compound, ...] = ()
    axis: Axis | None = None
    cues: tuple[Cues, ...]
    transitions: tuple[Transition, ...] = ()
    fields: tuple[Fields, ...] = ()
    stance_synonyms: tuple[Synonyms, ...] = ()
    stances: tuple[Stances, ...] = ()
    abbreviations: Phrases = Phrases(terms={})
    not_misspelt: Phrases = Phrases(terms={})
    dates: Phrases = Phrases(terms={})
    common_words: Phrases = Phrases(terms={})
    other_languages: tuple[Name, ...] = ()
    other_endings: tuple[Name, ...] = ()
    other_phrases: tuple[Name, ...] = ()
    of_no_language: tuple[Name, ...] = ()
    unread_above: Annotated[float, Field(ge=0, le=1)] = 1
    codes: tuple[Codes, ...] = ()
    code_systems: tuple[CodeSystem, ...] = ()
    synonyms: tuple[Synonyms, ...] = ()
    uncertain_below: Annotated[float, Field(ge=0, le=1)] = 0.8

    @classmethod
    def parse(cls, yaml_text: str) -> "Vocabulary":
        """Return the vocabulary in a file. Raise `VocabularyError` with each mistake, its line and its place."""
        if len(yaml_text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
            raise VocabularyError(f"a vocabulary is at most {MAX_BYTES} bytes")
        try:
            tree = read_yaml(yaml_text)
        except NotYaml as error:
            raise VocabularyError(str(error)) from error
        try:
            return cls.model_validate(tree.plain())
        except ValidationError as error:
            raise VocabularyError("; ".join(islice(_complaints(error, tree), MISTAKES_NAMED))) from error

    def profile(self, name: str) -> "Vocabulary":
        """Return this vocabulary under one of its profiles; raises `KeyError` for an unknown name."""
        return self.under(**self.profiles[name])

    def under(self, **switches: str) -> "Vocabulary":
        """Return this vocabulary with some switches of the policy set; raises `ValidationError` for an unknown one."""
        return self.model_copy(update={"policy": Policy.model_validate(self.policy.model_dump() | switches)})

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        parts = list(all_parts(self))
        too_many = _too_many_words(parts)
        two_kinds = codes_of_two_kinds(self.codes, self.code_systems)
        for mistakes in (too_many, self._labels_alike(), self._not_listed(parts), self._of_two_names(), two_kinds):
            if found := [_error(mistake) for mistake in mistakes]:
                raise ValidationError.from_exception_data(type(self).__name__, found)
        return self

    def _labels_alike(self) -> Iterator[Mistake]:
        for attribute in ("key", "name"):
            seen = set[str]()
            for i, label in enumerate(self.labels):
                value = getattr(label, attribute)
                if value in seen:
                    yield ("labels", i, attribute), f"twice: {value}"
                seen.add(value)

    def _not_listed(self, parts: Iterable[tuple[Place, Part]]) -> Iterator[Mistake]:
        keys = {label.key for label in self.labels}
        for place, part in parts:
            if isinstance(part, Rule | AxisRange | Codes):
                for i, key in enumerate(part.labels):
                    if key not in keys:
                        yield (*place, "labels", i), f"no such label: {key}"
            if isinstance(part, Phrases):
                for language in part.terms:
                    if language not in self.languages:
                        yield (*place, "terms", language), f"not listed under languages: {language}"

    def _of_two_names(self) -> Iterator[Mistake]:
        names: dict[tuple[str, ...], str] = {}
        for i, entry in enumerate(self.synonyms):
            for place, term in _terms(("synonyms", i), entry):
                if other := [words for words in variants(term) if names.setdefault(words, entry.name) != entry.name]:
                    yield place, f"of two names: {' '.join(other[0])}"


def all_parts(value: Any, place: Place = ()) -> Iterator[tuple[Place, Part]]:
    """Yield every part of a vocabulary with its place, also parts of parts."""
    if isinstance(value, Part):
        yield place, value
        for name, inner in value:
            yield from all_parts(inner, (*place, name))
    elif isinstance(value, tuple):
        for i, inner in enumerate(value):
            yield from all_parts(inner, (*place, i))


def _terms(place: Place, part: Part) -> Iterator[tuple[Place, str]]:
    """Yield the terms of a part, each with its place."""
    if isinstance(part, Phrases):
        for language, terms in part.terms.items():
            for i, term in enumerate(terms):
                yield (*place, "terms", language, i), term
    if isinstance(part, Synonyms):
        yield (*place, "name"), part.name


def _too_many_words(parts: Iterable[tuple[Place, Part]]) -> Iterator[Mistake]:
    words = 0
    for place, term in [found for part in parts for found in _terms(*part)]:
        words += count_words(term)
        if words > MAX_WORDS:
            yield place, f"with this term, those of the file spell out to more than {MAX_WORDS:,} words"
            return


def _error(mistake: Mistake) -> InitErrorDetails:
    place, reason = mistake
    return InitErrorDetails(type=PydanticCustomError("mistake", "{reason}", {"reason": reason}), loc=place, input=None)


def _complaints(error: ValidationError, tree: Node) -> Iterator[str]:
    for complaint in error.errors(include_url=False, include_context=False, include_input=False):
        place = complaint["loc"]
        yield f"line {tree.line_of(place)}: {dotted(place)}: {complaint['msg'].removeprefix('Value error, ')}"
