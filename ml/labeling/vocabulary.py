"""A vocabulary: labels, terms, cues and codes as data, in a versioned YAML file."""

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

from ml.labeling.policy import Policy
from ml.labeling.reading import Status
from ml.labeling.terms import variants

MAX_BYTES = 1_000_000
_FILE = Path(__file__).with_name("vocabularies") / "overread-1.yaml"

Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
Term = Annotated[str, StringConstraints(min_length=1, max_length=300)]
CueKind = Literal[
    "hedge", "hedge_after", "differential", "negation", "negation_after", "historical", "historical_after",
    "historical_aside", "past_tracing", "told", "past_reading", "correction", "correction_after",
    "withheld", "withheld_after",
    "affirmation", "neutral", "unchanged", "attachment", "clause", "and", "or", "versus", "to", "age",
]  # fmt: skip
FieldKind = Literal[
    "ignored", "ignored_to_line_end", "measurement", "measurement_in_row", "unit", "history", "history_dropped"
]


class VocabularyError(ValueError):
    """A vocabulary that cannot be used; the message names the place in the file."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Label(_Part):
    """One label: `key` for programs, `name` for people."""

    key: Key
    name: Name


class _Switched(_Part):
    """Something that holds only under some values of the policy's switches."""

    when: dict[str, str] = {}

    @field_validator("when", mode="before")
    @classmethod
    def _values_exist(cls, when: dict[str, str]) -> dict[str, str]:
        Policy.model_validate(when)
        return when

    def holds(self, policy: Policy) -> bool:
        return all(getattr(policy, switch) == value for switch, value in self.when.items())


class Phrases(_Switched):
    """Terms by language."""

    terms: dict[Language, tuple[Term, ...]]

    @field_validator("terms")
    @classmethod
    def _terms_spell_out(cls, terms: dict[Language, tuple[Term, ...]]) -> dict[Language, tuple[Term, ...]]:
        for term in [term for several in terms.values() for term in several]:
            variants(term)
        return terms

    def all(self) -> tuple[str, ...]:
        """Give the terms of every language."""
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


class Compound(_Part):
    """A finding whose parts and head may stand apart: "anterior and inferior wall infarcts".

    `signs` (ST elevation) lend their parts to a hedged head that has none: "inferior ST elevation, consider infarct".
    """

    heads: tuple[Rule, ...]
    parts: tuple[Rule, ...]
    fillers: Phrases
    signs: Phrases


class AxisRange(_Part):
    """Degrees above `above` and below `below` mention the labels."""

    labels: tuple[Key, ...]
    above: int
    below: int


class AxisNames(Phrases):
    """What the axis is called; with `second_of_three`, it is the middle number of three ("P-R-T axes 48 -41 55")."""

    second_of_three: bool = False


class Axis(_Switched):
    """The QRS axis as a number."""

    names: tuple[AxisNames, ...]
    fillers: Phrases
    ranges: tuple[AxisRange, ...]


class Cues(Phrases):
    """Words that say something of the findings around them; the YAML file describes the kinds."""

    kind: CueKind


class Fields(Phrases):
    """Words that begin a line or field that is no reading of this tracing, or that end the measurements of one.

    `unless`: one of these follows, where what is ignored begins within a line.
    """

    kind: FieldKind
    unless: tuple[Term, ...] = ()


class Codes(_Switched):
    """Codes of one system that mention labels."""

    system: Name
    labels: tuple[Key, ...]
    codes: tuple[Name, ...]
    status: Status = "present"


class Synonyms(Phrases):
    """Terms of what is no label that a statement's normal form writes as `name`; no finding comes of them."""

    name: Name

    @field_validator("name")
    @classmethod
    def _name_has_words(cls, name: str) -> str:
        variants(name)
        return name


class Vocabulary(_Part):
    """A whole vocabulary. The order of `labels` is the order of the masks' bits."""

    version: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
    languages: Annotated[tuple[Language, ...], Field(min_length=1)]
    labels: Annotated[tuple[Label, ...], Field(min_length=1, max_length=63)]
    policy: Policy = Policy()
    profiles: dict[Key, dict[str, str]] = {}
    rules: tuple[Rule, ...]
    compounds: tuple[Compound, ...] = ()
    axis: Axis | None = None
    cues: tuple[Cues, ...]
    fields: tuple[Fields, ...] = ()
    abbreviations: Phrases = Phrases(terms={})
    not_misspelt: Phrases = Phrases(terms={})
    codes: tuple[Codes, ...] = ()
    synonyms: tuple[Synonyms, ...] = ()
    uncertain_below: Annotated[float, Field(ge=0, le=1)] = 0.8

    @classmethod
    def parse(cls, yaml_text: str) -> "Vocabulary":
        """Read a vocabulary; `VocabularyError` names what is wrong, its place in the file and the line."""
        if len(yaml_text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
            raise VocabularyError(f"a vocabulary is at most {MAX_BYTES} bytes")
        try:
            tree = yaml.compose(yaml_text, Loader=_Loader)
            return cls.model_validate(yaml.load(yaml_text, Loader=_Loader))  # noqa: S506 (a SafeLoader)
        except (yaml.YAMLError, RecursionError) as error:
            raise VocabularyError(f"not YAML: {error}") from error
        except ValidationError as error:
            raise VocabularyError("; ".join(_complaints(error, tree))) from error

    def profile(self, name: str) -> "Vocabulary":
        """Give this vocabulary under one of its profiles; `KeyError` when there is none of that name."""
        return self.under(**self.profiles[name])

    def under(self, **switches: str) -> "Vocabulary":
        """Give this vocabulary with some switches of the policy set; `ValidationError` for an unknown one."""
        return self.model_copy(update={"policy": Policy.model_validate(self.policy.model_dump() | switches)})

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        keys = [label.key for label in self.labels]
        if twice := {key for key in keys if keys.count(key) > 1}:
            raise ValueError(f"labels: twice: {', '.join(sorted(twice))}")
        if unknown := {key for key in self._mentioned() if key not in keys}:
            raise ValueError(f"no such label: {', '.join(sorted(unknown))}")
        if foreign := {language for phrases in self._phrases() for language in phrases.terms} - set(self.languages):
            raise ValueError(f"languages: not listed: {', '.join(sorted(foreign))}")
        if twice := self._synonyms_of_two():
            raise ValueError(f"synonyms: of two names: {', '.join(sorted(twice))}")
        for switches in self.profiles.values():
            Policy.model_validate(switches)
        return self

    def _synonyms_of_two(self) -> set[str]:
        names: dict[tuple[str, ...], str] = {}
        twice = set[str]()
        for entry in self.synonyms:
            for words in [spelled for term in (*entry.all(), entry.name) for spelled in variants(term)]:
                if names.setdefault(words, entry.name) != entry.name:
                    twice.add(" ".join(words))
        return twice

    def _mentioned(self) -> Iterator[str]:
        compounds = [rule for compound in self.compounds for rule in (*compound.parts, *compound.heads)]
        for rule in (*self.rules, *compounds):
            yield from rule.labels
        for codes in self.codes:
            yield from codes.labels
        for axis_range in self.axis.ranges if self.axis else ():
            yield from axis_range.labels

    def _phrases(self) -> Iterable[Phrases]:
        yield from (*self.rules, *self.cues, *self.fields, self.abbreviations, self.not_misspelt, *self.synonyms)
        for compound in self.compounds:
            yield from (*compound.heads, *compound.parts, compound.fillers, compound.signs)
        if self.axis:
            yield from (*self.axis.names, self.axis.fillers)


class _Loader(yaml.SafeLoader):
    """YAML whose plain scalars are all text: "no", "on" and "62" are words here. Aliases could blow up: refused."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not read")
        return super().compose_node(parent, index)


def _complaints(error: ValidationError, tree: yaml.Node | None) -> Iterator[str]:
    for complaint in error.errors():
        place = ".".join(map(str, complaint["loc"])) or "file"
        yield f"line {_line(tree, complaint['loc'])}: {place}: {complaint['msg'].removeprefix('Value error, ')}"


def _line(node: yaml.Node | None, place: tuple[int | str, ...]) -> int:
    """Find the line of the innermost node on the way to a place."""
    line = 1
    for step in place:
        if isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == step), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
        else:
            break
        if node is None:
            break
        line = node.start_mark.line + 1
    return line


@cache
def builtin_text() -> str:
    """Give the text of the vocabulary that ships."""
    return _FILE.read_text(encoding="utf-8")


@cache
def builtin() -> Vocabulary:
    """Give the vocabulary that ships."""
    return Vocabulary.parse(builtin_text())
