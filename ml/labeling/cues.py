"""The kinds of cue that reach a finding, and which of several decides; the vocabulary file describes the kinds."""

from typing import NamedTuple

from ml.labeling.findings import Status

BEFORE = frozenset(
    {
        "hedge",
        "differential",
        "negation",
        "negation_list",
        "contrast",
        "historical",
        "past_tracing",
        "past_reading",
        "correction",
        "withheld",
        "shape",
        "shape_hedge",
        "swap",
        "replaced",
    }
)
AFTER = frozenset({"hedge_after", "negation_after", "historical_after", "correction_after", "withheld_after"})
ASIDE = "historical_aside"  # looks either way
BARS = AFTER | {"stop", "clause", "affirmation", "becomes", ASIDE}  # no cue reaches over them
LISTING = frozenset({"past_reading", "differential"})  # these reach every finding listed behind them
LOOKS_BACK = {
    "hedge": "hedge_after",
    "negation": "negation_after",
    "negation_list": "negation_after",
    "contrast": "negation_after",
    "correction": "correction_after",
    "withheld": "withheld_after",
    "historical": "historical_after",
    "past_tracing": "historical_after",
}  # when it ends its clause

# Where none of these stands, a mention says what it says by itself.
CUES = BEFORE | AFTER | {ASIDE, "or", "versus", "becomes", "to", "variant", "elsewhere"}

# First come, first decides.
ORDER: tuple[tuple[str, Status | None], ...] = (
    ("correction", "negated"),
    ("correction_after", "negated"),
    ("withheld", None),
    ("withheld_after", None),
    ("negation_after", "negated"),
    ("negation", "negated"),
    ("past_reading", "historical"),
    ("historical", "historical"),
    ("replaced", "historical"),
    ("historical_after", "historical"),
    ("hedge", "uncertain"),
    ("differential", "uncertain"),
    ("hedge_after", "uncertain"),
)


class Cue(NamedTuple):
    """A cue that reaches a mention; `over` names what it had to cross on the way."""

    kind: str
    start: int
    end: int
    over: str = ""
