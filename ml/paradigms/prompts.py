"""What each label is scored by in CLIP models: statements of the training split, or phrases that somebody wrote."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml
from numpy.typing import NDArray

from ml.corpus.sources import Source
from ml.corpus.statements import normaliser
from ml.corpus.store import Store
from ml.paradigms.choices import PromptsFrom

MOST = 16  # statements of the corpus a label; rarer ones hardly move the mean
FEWEST = 2  # patients who have it: what is said of one patient alone leaves in no bundle
_WRITTEN = Path(__file__).with_name("prompts.yaml")


class Prompts(NamedTuple):
    """A label's phrases in normal form, each with its share of the mean embedding; the shares add up to 1."""

    phrases: tuple[str, ...]
    weights: tuple[float, ...]


def label_prompts(
    store: Store,
    rows: NDArray[np.int64],
    source: Source,
    given: Mapping[str, Sequence[str]],
    *,
    prompts_from: PromptsFrom = "corpus",
) -> dict[str, Prompts]:
    """Return each label's prompts.

    Those `given` come first. Then, with `corpus`, the statements of the `rows`' reports that assert this label and no
    other and deny none, weighted by how many of the rows have them; a statement of one patient alone is not taken. A
    label without any has the release's phrases, or its name.
    """
    unknown = given.keys() - {key for key, _ in store.labels}
    if unknown:
        raise ValueError(f"prompts for a label that the dataset does not have: {', '.join(sorted(unknown))}")
    written: dict[str, list[str]] = yaml.safe_load(_WRITTEN.read_text(encoding="utf-8"))
    normal = normaliser(store.vocabulary)
    said = _said(store, rows, source) if prompts_from == "corpus" else {}
    found = {}
    for bit, (key, name) in enumerate(store.labels):
        if key not in given and bit in said:
            found[key] = said[bit]
        else:
            phrases = tuple(dict.fromkeys(map(normal, given.get(key) or written.get(key) or [name])))
            found[key] = Prompts(phrases, (1 / len(phrases),) * len(phrases))
    return found


def _said(store: Store, rows: NDArray[np.int64], source: Source) -> dict[int, Prompts]:
    """Return the most frequent statements of rows that assert one label alone, by the label's bit."""
    owner, numbers = store.said(source).of_rows(rows)
    counts = np.bincount(numbers, minlength=len(store.statements))
    names, patient = np.unique(store.column("patient")[rows].astype(str), return_inverse=True)
    by_patient = np.unique(numbers * len(names) + patient[owner])
    counts[np.bincount(by_patient // max(1, len(names)), minlength=len(counts)) < FEWEST] = 0
    of_label: dict[int, list[int]] = {}
    for number in np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)].tolist():
        _, asserts, denies = store.statements[number]
        if asserts.bit_count() == 1 and not denies:
            of_label.setdefault(asserts.bit_length() - 1, []).append(number)
    found = {}
    for bit, all_of_label in of_label.items():
        kept = all_of_label[:MOST]
        shares = counts[kept] / counts[kept].sum()
        found[bit] = Prompts(tuple(store.statements[number].text for number in kept), tuple(shares.tolist()))
    return found
