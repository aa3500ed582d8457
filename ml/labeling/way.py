"""What stands between a finding and the cues before it, and which of those it lets through."""

from collections.abc import Sequence
from dataclasses import dataclass

from ml.labeling.clauses import closed_list, opens_list
from ml.labeling.lexicon import Item
from ml.labeling.mentions import Mention

JOINS = frozenset({"and", "or", "slash", "versus"})
_SHAPES = {"shape": "withheld", "shape_hedge": "hedge"}  # what such a cue says of a shape; of others nothing
_NEGATIONS = frozenset({"negation", "negation_list", "contrast"})


@dataclass
class Way:
    """What stands between a mention and a place before it."""

    comma: bool = False
    listed: bool = False  # every comma so far is one of a list of bare findings
    closed: bool = False  # an "and" closes that list
    colon: bool = False
    attached: bool = False
    to: bool = False
    told: bool = False  # "showed": a tracing before it lists what follows
    joined: bool = False  # an "and" or "or" since the last finding
    finding: bool = False
    choice: bool = False  # an "or" or "versus" on the other side of a comma
    over: str = ""

    def lets(self, kind: str, bare: bool) -> bool:
        """Whether a cue of a kind reaches over it. A correction passes a comma to a bare item of its list only."""
        if kind == "past_reading":
            return not self.to
        if kind == "differential":
            return not self.choice
        if kind == "correction":
            return not self.to and (not self.comma or (self.finding and bare))
        if self.comma:
            return False
        if kind in ("historical", "replaced"):
            return not self.to
        if kind == "withheld":
            return True
        return not self.attached and not (kind == "negation" and self.colon)

    def said_by(self, kind: str, is_shape: bool) -> str:
        """Return what a cue of a kind says of the finding: `neutral` is nothing."""
        if kind in _SHAPES:
            return _SHAPES[kind] if is_shape else "neutral"
        if kind == "swap":
            return "correction"
        if kind == "past_tracing":
            return "past_reading" if self.told else "historical"
        return "negation" if kind in _NEGATIONS else kind

    def lists_for(self, items: Sequence[Item | Mention], cue: int) -> bool:
        """Whether a negation opens the list that was crossed: "No RBBB, LBBB and LAFB", "no evidence of LVH, RVH"."""
        kind = items[cue].kind
        if not self.listed or kind not in _NEGATIONS:
            return False
        return (self.closed or kind == "negation_list") and opens_list(items, cue)

    def cross(self, items: Sequence[Item | Mention], place: int) -> None:
        """Pass an item that is no cue and no finding."""
        kind = items[place].kind
        closed = closed_list(items, place) if kind == "comma" else ""
        if kind == "comma" and closed != "or":
            self.listed = closed in ("and", "bare") and (self.listed or not self.comma)
            self.closed = self.closed or closed == "and"
            self.comma = True
        elif kind == "comma" or kind in JOINS:
            self.joined = True
            self.choice = self.choice or (self.comma and kind in ("or", "versus"))
            self.over = "and" if kind == "and" else self.over
        elif kind == "colon":
            self.colon = True
        elif kind == "attachment":
            self.attached = True
        elif kind == "to":
            self.to = True
        elif kind == "told":
            self.told = True
