"""Reports as text beside the codes somebody gave them: a table by label, and the classes of disagreement."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from app.disagreement.statistics import Masks, count, kappa
from ml.corpus.sources import HEDGED
from ml.labeling import Code, Labeler

# What a text may say that comes near a label, and the codes that do: a disagreement is grouped by them.
NEAR: Mapping[str, str] = {
    "sinus_rhythm": r"sinus|rhythm|rytm|tachy|brady|flimmer|flatter|schrittmacher|pace|\bs[rbt]\b",
    "rbbb": r"schenkelblock|bundle|bbb|rsr|leitungs",
    "lbbb": r"schenkelblock|bundle|bbb|leitungs",
    "afib": r"fib|flimmer|flutter|flatter|arr?h?yt\w*ie absol|absolut|\ba ?f\b",
    "aflutter": r"fib|flimmer|flutter|flatter|\baf\b",
    "lad": r"axis|achse|typ\b|lage|faszik|hemiblock|lafb|deviation",
    "rad": r"axis|achse|typ\b|lage|faszik|hemiblock|lpfb|deviation",
    "rsad": r"axis|achse|typ\b",
    "lvh": r"hyper\w*|lvh|hoch|voltage|belast",
    "rvh": r"hyper\w*|rvh|belast",
    "anterior_mi": r"infar\w*|myokardsch|\bmi\b|injury|narbe|r.?(?:zacken)?reduktion|q.zacke",
    "inferior_mi": r"infar\w*|myokardsch|\bmi\b|injury|narbe|q.zacke",
    "posterior_mi": r"infar\w*|myokardsch|\bmi\b|injury|narbe",
}


class Coded(NamedTuple):
    """A report as text and as codes; `shown` is how a code is written in a class."""

    text: str
    codes: Sequence[Code]
    shown: Sequence[str]


class _Class(NamedTuple):
    label: str
    side: str
    text: str
    codes: str


def print_agreement(labeler: Labeler, reports: Sequence[Coded], classes: int) -> None:
    """Print the table, and for each label its `classes` most frequent classes of disagreement with an example of each.

    A label counts as said when it is present or uncertain.
    """
    keys = [label.key for label in labeler.vocabulary.labels]
    texts = [labeler.read(report.text) for report in reports]
    codes = [labeler.read_codes(report.codes) for report in reports]
    masks = [(*t.masks()[:2], *c.masks()[:2]) for t, c in zip(texts, codes, strict=True)]
    print(f"{len(reports):,} reports; hedged readings and codes count as positive")
    print("| label | both | text only | codes only | F1 | kappa |")
    print("|---|--:|--:|--:|--:|--:|")
    each, once = np.arange(len(reports)), np.ones(len(reports), np.int64)
    combinations = Masks(
        *np.array(masks, dtype=np.int64).reshape(-1, 4).T
    )  # the text as the machine's, codes as over-read
    said = count(combinations, len(keys), HEDGED, cell=each, pairs=once, group=np.zeros_like(each), groups=1)
    agreement = kappa(said).value[0]
    for bit, key in enumerate(keys):
        both, text, code = int(said.both[0, bit]), int(said.removed[0, bit]), int(said.added[0, bit])
        f1 = f"{2 * both / (2 * both + text + code):.2f}" if both + text + code else "–"
        shown = "–" if np.isnan(agreement[bit]) else f"{agreement[bit]:.2f}"
        print(f"| {key} | {both} | {text} | {code} | {f1} | {shown} |")
    found: Counter[_Class] = Counter()
    examples: dict[_Class, str] = {}
    for report, (tp, tu, cp, cu) in zip(reports, masks, strict=True):
        for bit, key in enumerate(keys):
            in_text, in_codes = (tp | tu) >> bit & 1, (cp | cu) >> bit & 1
            if in_text != in_codes:
                side = "text only" if in_text else "codes only"
                kind = _Class(key, side, _said(labeler, report.text, key), _coded(labeler, report, key))
                found[kind] += 1
                examples.setdefault(kind, " ".join(report.text.split())[:160])
    grouped: defaultdict[tuple[str, str], list[tuple[_Class, int]]] = defaultdict(list)
    for kind, times in found.most_common():
        grouped[kind.label, kind.side].append((kind, times))
    for (label, side), kinds in sorted(grouped.items(), key=lambda item: keys.index(item[0][0])):
        print(f"\n{label}, {side}: {sum(times for _, times in kinds)} in {len(kinds)} classes")
        for kind, times in kinds[:classes]:
            print(f"  {times:5d}  text: {kind.text}; codes: {kind.codes}\n         {examples[kind]}")


def _said(labeler: Labeler, text: str, label: str) -> str:
    """Give what a text says of a label, or what comes nearest to it."""
    reading = labeler.read(text)
    for finding in reading.findings:
        if finding.label == label:
            cue = f" ({' '.join(finding.cue.lower().split())})" if finding.cue else ""
            return f"{finding.status} “{' '.join(finding.text.lower().split())}”{cue}"
    near = re.findall(rf"(?:[^\W\d]+[ -])?\w*(?:{NEAR[label]})\w*", text.lower())
    return _joined(re.sub(r"^(and|with|mit|und|bei) ", "", words).strip(" -")[:60] for words in near)


def _coded(labeler: Labeler, report: Coded, label: str) -> str:
    """Give the codes that say a label, or else those of its neighbourhood."""
    said = [
        shown
        for code, shown in zip(report.codes, report.shown, strict=True)
        if any(f.label == label for f in labeler.read_codes([code]).findings)
    ]
    return _joined(said or [shown for shown in report.shown if re.search(NEAR[label], shown.lower())])


def _joined(codes: Iterable[str]) -> str:
    return ", ".join(sorted(set(codes))) or "nothing"
