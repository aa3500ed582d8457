"""How much a change of a label matters: the vocabulary's word, else that of a file beside the vocabularies."""

from functools import cache
from pathlib import Path
from typing import cast

from ml.labeling.vocabulary import Weight
from ml.labeling.yaml_text import read_yaml

_FILE = Path(__file__).with_name("vocabularies") / "weights.yaml"
_OTHERWISE: Weight = "minor"


def weight_of(key: str, said: Weight | None) -> Weight:
    """Return the weight of a label; `said` is what its vocabulary says."""
    return said or _defaults().get(key, _OTHERWISE)


@cache
def _defaults() -> dict[str, Weight]:
    return cast(dict[str, Weight], read_yaml(_FILE.read_text(encoding="utf-8")).plain())
