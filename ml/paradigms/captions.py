"""The texts of each window: which ones its report has, which ones are true of it, and which ones are wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ml.corpus.statements import Statement
from ml.corpus.store import Said, Source, Store
from ml.paradigms.choices import Unit

Numbers = NDArray[np.int64]
Bools = NDArray[np.bool_]

BETWEEN_STATEMENTS = "; "  # of a whole report


class Pairs(NamedTuple):
    """Pairs of a store row (p,) and a text index (p,); hard negatives (n,) with the index of their pair (n,)."""

    rows: Numbers
    own: Numbers
    wrong: Numbers
    owner: Numbers

    @classmethod
    def joined(cls, parts: "Sequence[Pairs]") -> "Pairs":
        """Concatenate the pairs of several processes."""
        before = np.cumsum([0, *(len(part.rows) for part in parts[:-1])])
        owners = [part.owner + start for part, start in zip(parts, before, strict=True)]
        rows, own, wrong, _ = (np.concatenate(each) for each in zip(*parts, strict=True))
        return cls(rows, own, wrong, np.concatenate(owners))


@dataclass(frozen=True, eq=False)
class DrawnTexts:
    """The texts drawn for a batch.

    Attributes
    ----------
    places
        (p,): the indices of the batch's rows that have a text.
    texts
        (u,): the indices of the distinct texts to encode.
    own, wrong
        (p,), (n,): indices into `texts`.
    owner
        (n,): the index of the pair of each hard negative.
    rows
        (p,): the pairs' rows in the store.
    """

    places: Numbers
    texts: Numbers
    own: Numbers
    wrong: Numbers
    owner: Numbers
    rows: Numbers

    def pairs(self) -> Pairs:
        """Return the pairs with the indices of the store, which are the same in every process."""
        return Pairs(self.rows, self.texts[self.own], self.texts[self.wrong], self.owner)


class Captions:
    """Texts of a store: the statements of one source, or its whole reports.

    A text of the other source is wrong for an ECG, unless the ECG's own report has it, or the labels show that it is
    true: the report asserts every label that the text asserts, and none that it denies. So "AF" is not wrong for
    "atrial fibrillation with rapid ventricular response", nor "no LVH" for a report that does not mention it.

    Parameters
    ----------
    source
        The source of the positives. Statements of the other source are candidates for hard negatives.
    """

    def __init__(self, store: Store, source: Source = "overread", unit: Unit = "statement") -> None:
        other: Source = "machine" if source == "overread" else "overread"
        statements, said, against = store.statements, store.said(source), store.said(other)
        if unit == "report":
            statements, (said, against) = _whole_reports(statements, [said, against])
        self.texts = [statement.text for statement in statements]
        self._asserts = np.array([statement.asserts for statement in statements], np.int64)
        self._denies = np.array([statement.denies for statement in statements], np.int64)
        self._said = said
        positive, _ = store.targets(source, "positive")
        self._positive = (positive.astype(np.int64) << np.arange(positive.shape[1])).sum(axis=1)
        rows = np.repeat(np.arange(len(against.starts) - 1), np.diff(against.starts))
        wrong = ~self._true(rows, against.numbers) & said.known[rows]
        starts = np.append(0, np.cumsum(np.bincount(rows[wrong], minlength=len(against.starts) - 1)))
        self._wrong = Said(starts, against.numbers[wrong], against.known)

    def has_text(self, rows: Numbers) -> Bools:
        """Return of which rows anything is said."""
        return np.diff(self._said.starts)[rows] > 0

    def texts_of(self, rows: Numbers) -> list[str]:
        """Return the distinct texts of some rows, of either source: what a tokenizer may learn from."""
        numbers = np.unique(np.concatenate([each.of_rows(rows)[1] for each in (self._said, self._wrong)]))
        return [self.texts[number] for number in numbers]

    def draw(self, rows: Numbers, hard_negatives: bool) -> DrawnTexts:
        """Draw one text for each row that has any, with torch's generator, and take all of its hard negatives."""
        places = np.flatnonzero(self.has_text(rows))
        chosen = rows[places]
        counts = self._said.starts[chosen + 1] - self._said.starts[chosen]
        which = (torch.rand(len(chosen), dtype=torch.float64).numpy() * counts).astype(np.int64)
        own = self._said.numbers[self._said.starts[chosen] + which]
        owner, wrong = self._wrong.of_rows(chosen) if hard_negatives else (np.zeros(0, np.int64),) * 2
        texts, place = np.unique(np.concatenate([own, wrong]), return_inverse=True)
        return DrawnTexts(places, texts, place[: len(own)], place[len(own) :], owner, chosen)

    def most_frequent(self, rows: Numbers, most: int) -> Numbers:
        """Return the texts that most of some rows have, at most so many, in the order of their indices."""
        _, numbers = self._said.of_rows(rows)
        counts = np.bincount(numbers, minlength=len(self.texts))
        return np.sort(np.argsort(-counts, kind="stable")[: min(most, np.count_nonzero(counts))])

    def all_of(self, rows: Numbers) -> Numbers:
        """Return the distinct texts that some rows have."""
        return np.unique(self._said.of_rows(rows)[1])

    def true(self, rows: Numbers, texts: Numbers) -> Bools:
        """Return which texts the reports of rows have, (rows, texts)."""
        distinct, place = np.unique(texts, return_inverse=True)
        owner, numbers = self._said.of_rows(rows)
        at = np.searchsorted(distinct, numbers)
        known = at < len(distinct)
        known[known] = distinct[at[known]] == numbers[known]
        table = np.zeros((len(rows), len(distinct)), bool)
        table[owner[known], at[known]] = True
        return table[:, place]

    def wrong_of(self, rows: Numbers, texts: Numbers) -> Bools:
        """Return which texts are wrong of rows, (rows, texts)."""
        return ~(self.true(rows, texts) | self.follow(rows, texts))

    def follow(self, rows: Numbers, texts: Numbers) -> Bools:
        """Return which texts the labels of rows say to be true, (rows, texts)."""
        return self._follows(self._positive[rows, None], self._asserts[texts], self._denies[texts])

    def _true(self, rows: Numbers, texts: Numbers) -> Bools:
        """Return whether each text is true of its row; both are (k,)."""
        size = max(1, len(self.texts))
        owner = np.repeat(np.arange(len(self._said.starts) - 1), np.diff(self._said.starts))
        listed = np.isin(rows * size + texts, owner * size + self._said.numbers)
        return listed | self._follows(self._positive[rows], self._asserts[texts], self._denies[texts])

    @staticmethod
    def _follows(positive: Numbers, asserts: Numbers, denies: Numbers) -> Bools:
        speaks = (asserts | denies) != 0
        follows: Bools = speaks & ((asserts & ~positive) == 0) & ((denies & positive) == 0)
        return follows


def _whole_reports(statements: Sequence[Statement], readings: Sequence[Said]) -> tuple[list[Statement], list[Said]]:
    """Return each report as one text, its statements in their order."""
    reports: dict[Statement, int] = {}
    whole = []
    for said in readings:
        numbers = []
        for start, end in zip(said.starts[:-1].tolist(), said.starts[1:].tolist(), strict=True):
            parts = [statements[number] for number in said.numbers[start:end].tolist()]
            if not parts:
                continue
            asserts = denies = 0
            for part in parts:
                asserts, denies = asserts | part.asserts, denies | part.denies
            report = Statement(BETWEEN_STATEMENTS.join(part.text for part in parts), asserts, denies & ~asserts)
            numbers.append(reports.setdefault(report, len(reports)))
        starts = np.append(0, np.cumsum(np.diff(said.starts) > 0))
        whole.append(Said(starts, np.array(numbers, np.int64), said.known))
    return list(reports), whole
