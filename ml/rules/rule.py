"""Rules as data: conditions on measurements, joined to one score a label.

A margin is the distance from a threshold, positive where a condition is fulfilled. NaN stands for what is not known.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Evidence = Mapping[str, float]
Sex = Literal["male", "female", "unknown"]
UNKNOWN = math.nan
_SEXES = ("male", "female", "unknown")
_MOST_SAID = 3  # measurements in one statement


@dataclass(frozen=True)
class Condition:
    """A measurement and its threshold.

    Attributes
    ----------
    of
        The measurement.
    at_least
        Whether it must reach the threshold, or stay at or below it.
    threshold
        By sex.
    per
        The distance from the threshold that is a margin of 1.
    says
        The measurement in words, with `{}` for its value; empty: nothing is said of it.
    """

    of: str
    at_least: bool
    threshold: Mapping[str, float]
    per: float
    says: str = ""

    def margin(self, evidence: Evidence, sex: Sex) -> float:
        """Return the margin."""
        distance = (evidence[self.of] - self.threshold[sex]) / self.per
        return distance if self.at_least else -distance

    def said(self, evidence: Evidence, sex: Sex) -> Iterator[str]:
        """Yield the measurement in words."""
        if self.says:
            yield self.says.format(evidence[self.of])

    def conditions(self) -> Iterator["Condition"]:
        """Yield every condition of the rule."""
        yield self


@dataclass(frozen=True)
class All:
    """Every part is fulfilled: the least margin; not known where one of them is not."""

    parts: "tuple[Rule, ...]"

    def margin(self, evidence: Evidence, sex: Sex) -> float:
        """Return the margin."""
        margins = [part.margin(evidence, sex) for part in self.parts]
        return UNKNOWN if any(map(math.isnan, margins)) else min(margins)

    def said(self, evidence: Evidence, sex: Sex) -> Iterator[str]:
        """Yield the measurements of all parts."""
        for part in self.parts:
            yield from part.said(evidence, sex)

    def conditions(self) -> Iterator[Condition]:
        """Yield every condition of the rule."""
        for part in self.parts:
            yield from part.conditions()


@dataclass(frozen=True)
class AnyOf:
    """One part is fulfilled: the greatest of the margins that are known."""

    parts: "tuple[Rule, ...]"

    def margin(self, evidence: Evidence, sex: Sex) -> float:
        """Return the margin."""
        known = [margin for part in self.parts if not math.isnan(margin := part.margin(evidence, sex))]
        return max(known, default=UNKNOWN)

    def said(self, evidence: Evidence, sex: Sex) -> Iterator[str]:
        """Yield the measurements of the part with the greatest margin."""
        margins = [part.margin(evidence, sex) for part in self.parts]
        known = [(margin, -place) for place, margin in enumerate(margins) if not math.isnan(margin)]
        if known:
            yield from self.parts[-max(known)[1]].said(evidence, sex)

    def conditions(self) -> Iterator[Condition]:
        """Yield every condition of the rule."""
        for part in self.parts:
            yield from part.conditions()


@dataclass(frozen=True)
class Points:
    """Parts that earn points: none at a margin of -1 and where nothing is known, half of them at 0, all at 1.

    The margin is how many more than needed there are.
    """

    need: float
    parts: "tuple[Rule, ...]"
    worth: tuple[float, ...]

    def margin(self, evidence: Evidence, sex: Sex) -> float:
        """Return the margin."""
        earned = 0.0
        for part, points in zip(self.parts, self.worth, strict=True):
            margin = part.margin(evidence, sex)
            earned += 0.0 if math.isnan(margin) else points * min(max((margin + 1) / 2, 0.0), 1.0)
        return earned - self.need

    def said(self, evidence: Evidence, sex: Sex) -> Iterator[str]:
        """Yield the measurements that reach their thresholds."""
        for part in self.parts:
            if part.margin(evidence, sex) >= 0:
                yield from part.said(evidence, sex)

    def conditions(self) -> Iterator[Condition]:
        """Yield every condition of the rule."""
        for part in self.parts:
            yield from part.conditions()


Rule = Condition | All | AnyOf | Points


def words(rule: Rule, evidence: Evidence, sex: Sex) -> tuple[str, ...]:
    """Return what a rule was fulfilled by, in words: at most three measurements, each once."""
    return tuple(dict.fromkeys(rule.said(evidence, sex)))[:_MOST_SAID]


def parse(written: Mapping[str, Any]) -> Rule:
    """Return the rule that is written: `all:`, `any:` or `points:`, or a condition."""
    if "all" in written:
        return All(tuple(map(parse, written["all"])))
    if "any" in written:
        return AnyOf(tuple(map(parse, written["any"])))
    if "need" in written:
        worth = tuple(float(each.get("points", 1)) for each in written["of"])
        return Points(float(written["need"]), tuple(map(parse, written["of"])), worth)
    return _condition(written)


def _condition(written: Mapping[str, Any]) -> Condition:
    unknown = written.keys() - {"of", "least", "most", "per", "says", "points"}
    if unknown or ("least" in written) == ("most" in written):
        raise ValueError(f"no condition: {dict(written)}")
    at_least = "least" in written
    given = written["least" if at_least else "most"]
    by_sex = given if isinstance(given, Mapping) else dict.fromkeys(_SEXES, given)
    return Condition(
        of=written["of"],
        at_least=at_least,
        threshold={sex: float(by_sex[sex]) for sex in _SEXES},
        per=float(written["per"]),
        says=written.get("says", ""),
    )
