"""A vocabulary: labels, terms, codes and cues, as a versioned YAML file."""

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

MAX_BYTES = 1_000_000
_FILE = Path(__file__).with_name("vocabularies") / "overread-1.yaml"

Word = Annotated[str, StringConstraints(min_length=1, max_length=200, to_lower=True)]
Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
CueKind = Literal[
    "hedge_before",
    "hedge_after",
    "alternative",
    "negation_before",
    "negation_after",
    "not_negation",
    "correction_before",
    "correction_after",
    "historical_before",
    "historical_end",
    "presupposes",
    "break",
]


class VocabularyError(ValueError):
    """A vocabulary that cannot be used; the message names the place in the file."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Label(_Part):
    """One label: `key` for programs, `name` for people."""

    key: Key
    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]


class Rule(_Part):
    """Terms that assert labels (or, with none, take words away from shorter terms)."""

    labels: tuple[Key, ...]
    terms: tuple[Word, ...]
    status: Literal["present", "uncertain"] = "present"


class Infarction(_Part):
    """How an infarct finds its territory."""

    heads: tuple[Word, ...]
    territories: dict[Word, tuple[Key, ...]]
    fillers: tuple[Word, ...]
    injury: tuple[Word, ...] = ()


class Vocabulary(_Part):
    """A whole vocabulary. The order of `labels` is the order of the masks' bits."""

    version: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
    languages: tuple[Word, ...]
    labels: Annotated[tuple[Label, ...], Field(min_length=1, max_length=63)]
    rules: tuple[Rule, ...]
    infarction: Infarction
    codes: dict[str, dict[str, Key | tuple[Key, ...]]] = {}
    uncertain_below: Annotated[float, Field(ge=0, le=1)] = 0.5
    hedged_codes: dict[str, tuple[str, ...]] = {}
    cues: dict[CueKind, tuple[Word, ...]]
    ignored_lines: tuple[Word, ...] = ()

    @model_validator(mode="after")
    def _labels_exist(self) -> "Vocabulary":
        keys = [label.key for label in self.labels]
        if len(set(keys)) != len(keys):
            raise ValueError("labels: a key is there twice")
        used = {key for rule in self.rules for key in rule.labels}
        used |= {key for labels in self.infarction.territories.values() for key in labels}
        for table in self.codes.values():
            for labels in table.values():
                used |= {labels} if isinstance(labels, str) else set(labels)
        if unknown := used - set(keys):
            raise ValueError(f"no such label: {', '.join(sorted(unknown))}")
        return self

    @classmethod
    def parse(cls, yaml_text: str) -> "Vocabulary":
        """Read a vocabulary; `VocabularyError` names what is wrong and where."""
        if len(yaml_text.encode()) > MAX_BYTES:
            raise VocabularyError(f"a vocabulary is at most {MAX_BYTES} bytes")
        try:
            return cls.model_validate(yaml.safe_load(yaml_text))
        except yaml.YAMLError as error:
            raise VocabularyError(f"not YAML: {error}") from error
        except ValidationError as error:
            places = [f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors()]
            raise VocabularyError("; ".join(places)) from error


@cache
def builtin_text() -> str:
    """Give the text of the vocabulary that ships."""
    return _FILE.read_text(encoding="utf-8")


def builtin() -> Vocabulary:
    """Give the vocabulary that ships."""
    return Vocabulary.parse(builtin_text())
