"""Reports a second beside medspaCy, on the same reports in one run: `python -m benchmarks.against_medspacy`.

medspaCy (not a dependency: `pip install medspacy`) gets this vocabulary's English synonyms as target rules and its own
sentence splitter and context rules: the nearest it comes to the same work. Labelling quality is not compared here.
"""

import argparse
import gc
import itertools
import json
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.labeling import SHARED, made_new, reports_per_second
from ml.labeling import Labeler, builtin
from ml.labeling.terms import variants

PARTS = ["anterior", "anteroseptal", "septal", "anterolateral", "inferior", "inferolateral", "posterior"]
HEADS = ["infarct", "infarction", "myocardial infarction", "mi", "wall infarct"]


def synonyms() -> set[str]:
    """Give the English terms of the rules that mention labels, spelt out, and the infarcts."""
    found = {f"{part} {head}" for part, head in itertools.product(PARTS, HEADS)}
    for rule in builtin().rules:
        if rule.labels and rule.holds(builtin().policy):
            found |= {" ".join(words) for term in rule.terms.get("en", ()) for words in variants(term)}
    return found


def pipeline() -> Any:
    """Load medspaCy with these synonyms."""
    from loguru import logger  # type: ignore[import-not-found]

    logger.remove()  # its splitter logs every token otherwise
    import medspacy  # type: ignore[import-not-found]
    from medspacy.ner import TargetRule  # type: ignore[import-not-found]

    nlp = medspacy.load(medspacy_enable=["medspacy_pyrush", "medspacy_target_matcher", "medspacy_context"])
    nlp.get_pipe("medspacy_target_matcher").add([TargetRule(term, "FINDING") for term in sorted(synonyms())])
    return nlp


def main() -> None:
    """Print both, alternating, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gold", type=Path, default=SHARED / "labels/gold_public.jsonl")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    gold = [json.loads(line)["text"] for line in options.gold.read_text(encoding="utf-8").splitlines()]
    nlp = pipeline()
    print(f"medspaCy {version('medspacy')}, {platform.machine()}, Python {platform.python_version()}, one process")
    for turn in range(options.rounds):
        few, many = made_new(gold, 1, seed=turn), made_new(gold, 30, seed=100 + turn)
        labeler = Labeler(builtin())
        gc.collect()
        gc.freeze()  # neither pays for collecting what the other holds
        start = time.process_time()
        found = sum(len(nlp(text).ents) for text in few)
        theirs = len(few) / (time.process_time() - start)
        ours = reports_per_second(labeler, many, findings=True)
        print(f"medspaCy {theirs:>8,.0f} reports/s ({found} entities)   here {ours:>8,.0f}   ratio {ours / theirs:.0f}")


if __name__ == "__main__":
    main()
