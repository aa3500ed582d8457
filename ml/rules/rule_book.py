"""The rules that ship: a rule, its words and its thresholds for each label."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

import yaml

from ml.rules.rule import Condition, Evidence, Rule, Sex, parse

Cut = Literal["textbook", "best"]


@dataclass(frozen=True)
class Wording:
    """A statement, and the condition under which it is the one; None: always."""

    text: str
    when: Rule | None


@dataclass(frozen=True)
class LabelRule:
    """How one label is read.

    Attributes
    ----------
    rule
        Its margin is the label's score.
    cuts
        The score from which the label is said: `textbook` is 0, `best` agrees best with PTB-XL's codes.
    wordings
        Of the statement; the first whose condition is fulfilled.
    """

    label: str
    rule: Rule
    cuts: Mapping[Cut, float]
    wordings: tuple[Wording, ...]

    def text(self, evidence: Evidence, sex: Sex) -> str:
        """Return the words of the statement, without measurements."""
        return next(each.text for each in self.wordings if each.when is None or each.when.margin(evidence, sex) >= 0)


@dataclass(frozen=True)
class RuleBook:
    """All rules, in the labels' order. A rule may ask for the score of an earlier label (`score_<label>`)."""

    version: str
    rules: tuple[LabelRule, ...]

    def score(self, evidence: dict[str, float], sex: Sex) -> dict[str, float]:
        """Return each label's score; it is added to the evidence, as `score_<label>`, for the rules that follow."""
        scores = {}
        for each in self.rules:
            scores[each.label] = evidence[f"score_{each.label}"] = each.rule.margin(evidence, sex)
        return scores

    def conditions(self) -> list[Condition]:
        """Return every condition of every rule."""
        return [condition for rule in self.rules for condition in rule.rule.conditions()]


@cache
def rule_book() -> RuleBook:
    """Return the rules that ship."""
    written: dict[str, Any] = yaml.safe_load(resources.files("ml.rules").joinpath("rules.yaml").read_text("utf-8"))
    return RuleBook(written["version"], tuple(_rule(key, each) for key, each in written["labels"].items()))


def _rule(label: str, written: Mapping[str, Any]) -> LabelRule:
    wordings = tuple(
        Wording(each["text"], parse(each["when"]) if "when" in each else None) for each in written["statements"]
    )
    return LabelRule(label, parse(written["rule"]), {"textbook": 0.0, "best": float(written["best"])}, wordings)
