"""What another vocabulary would change, without storing anything."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from sqlalchemy.orm import Session

from app.disagreement import queries as disagreement
from app.disagreement import statistics
from app.disagreement.counting.queries import count_pairs
from app.disagreement.queries import SampledPair
from app.disagreement.statistics import Masks as MaskArrays
from app.reports import queries as reports
from app.reports.schemas import FindingOut, Source
from app.reports.tables import StoredText
from app.vocabularies.schemas import Counts, FindingChange, HiddenTerm, LabelChange, PreviewOut
from app.vocabularies.service import ReadingRules
from ml.corpus.sources import HEDGED
from ml.labeling import Finding, LabeledReport, Labeler, Vocabulary, overread_masks
from ml.labeling.batch import read
from ml.labeling.hidden import hidden_terms

Masks = tuple[int, int, int, int]
Change = tuple[str, Finding | None, Finding | None]


def preview(
    session: Session,
    active: ReadingRules,
    vocabulary: Vocabulary,
    labeler: Labeler,
    *,
    sample: int,
    examples: int,
    simulated: bool,
) -> PreviewOut:
    """Return what a sample of the pairs, real or simulated ones, says under both vocabularies."""
    assert active.slot is not None
    comparison = Comparison(active, vocabulary, labeler, examples)
    comparison.add(session, disagreement.sample_pairs(session, active.slot, sample, simulated=simulated))
    return comparison.answer(pairs_in_all(session, active, simulated=simulated), simulated=simulated)


def pairs_in_all(session: Session, active: ReadingRules, *, simulated: bool) -> int:
    """Return the number of real or simulated pairs."""
    assert active.slot is not None
    return count_pairs(session, active.slot, simulated=simulated)


class Comparison:
    """Pairs read with the active vocabulary and with another; it grows with the distinct cells, not with the pairs."""

    def __init__(self, active: ReadingRules, vocabulary: Vocabulary, labeler: Labeler, examples: int) -> None:
        self.pairs = 0
        self._active = active
        self._vocabulary = vocabulary
        self._labeler = labeler
        self._wanted = examples
        self._cells_before: Counter[Masks] = Counter()
        self._cells_after: Counter[Masks] = Counter()
        self._reports_changed = 0
        self._examples: list[FindingChange] = []
        self._shown: set[int] = set()

    def add(self, session: Session, pairs: Sequence[SampledPair]) -> None:
        """Read some more pairs; each distinct text among them once."""
        texts = reports.texts(
            session, {text for pair in pairs for text in (pair.machine_text, pair.overread_text, pair.agreed_text)}
        )
        before = {text_id: read(self._active.labeler, said.text, said.codes) for text_id, said in texts.items()}
        after = {text_id: read(self._labeler, said.text, said.codes) for text_id, said in texts.items()}
        changed = {text_id: _changes(before[text_id], after[text_id]) for text_id in texts}
        cells = list(_cells(pairs, before))
        self.pairs += len(cells)
        self._cells_before.update(cells)
        self._cells_after.update(_cells(pairs, after))
        self._reports_changed += sum(bool(changed[p.machine_text]) + bool(changed[p.overread_text]) for p in pairs)
        self._show(pairs, texts, changed)

    def answer(self, pairs_in_all: int, *, simulated: bool) -> PreviewOut:
        """Return what would change."""
        active = self._active.vocabulary
        names = {label.key: label.name for label in (*active.labels, *self._vocabulary.labels)}
        before, after = _table(active, self._cells_before), _table(self._vocabulary, self._cells_after)
        return PreviewOut(
            active=active.version,
            vocabulary=self._vocabulary.version,
            pairs=self.pairs,
            pairs_in_all=pairs_in_all,
            simulated=simulated,
            reports_changed=self._reports_changed,
            labels=[
                LabelChange(label=key, name=name, before=before.get(key), after=after.get(key))
                for key, name in names.items()
            ],
            examples=self._examples,
            hidden_terms=[HiddenTerm(**hidden._asdict()) for hidden in hidden_terms(self._labeler)],
        )

    def _show(
        self, pairs: Sequence[SampledPair], texts: dict[int, StoredText], changed: dict[int, list[Change]]
    ) -> None:
        """Keep the first changes, each text once."""
        sources: tuple[Source, Source] = ("machine", "overread")
        for pair in pairs:
            said = (pair.machine_report, pair.machine_text), (pair.overread_report, pair.overread_text)
            for source, (report_id, text_id) in zip(sources, said, strict=True):
                if not changed[text_id] or text_id in self._shown:
                    continue
                for label, before, after in changed[text_id]:
                    if len(self._examples) == self._wanted:
                        return
                    self._shown.add(text_id)
                    self._examples.append(
                        FindingChange(
                            ecg_id=pair.ecg_id,
                            report_id=report_id,
                            source=source,
                            text=texts[text_id].text,
                            label=label,
                            before=FindingOut(**before._asdict()) if before else None,
                            after=FindingOut(**after._asdict()) if after else None,
                        )
                    )


def _changes(before: LabeledReport, after: LabeledReport) -> list[Change]:
    old = {finding.label: finding for finding in before.findings}
    new = {finding.label: finding for finding in after.findings}
    return [
        (label, old.get(label), new.get(label))
        for label in dict.fromkeys([*old, *new])
        if (old[label].status if label in old else None) != (new[label].status if label in new else None)
    ]


def _cells(pairs: Sequence[SampledPair], reports_by_text: dict[int, LabeledReport]) -> Iterator[Masks]:
    masks = {text_id: report.masks() for text_id, report in reports_by_text.items()}
    for pair in pairs:
        machine, stance = masks[pair.machine_text], reports_by_text[pair.overread_text].stance
        overread = overread_masks(stance, masks[pair.agreed_text], masks[pair.overread_text])
        if overread is not None:
            yield (*machine[:2], *overread[:2])


def _table(vocabulary: Vocabulary, counted: Counter[Masks]) -> dict[str, Counts]:
    table = np.array([(*masks, pairs) for masks, pairs in counted.items()], np.int64).reshape(-1, 5)
    rows = np.arange(len(table))
    labels = vocabulary.labels
    masks = MaskArrays(*table[:, :4].T)
    counts = statistics.count(
        masks, len(labels), HEDGED, cell=rows, pairs=table[:, 4], group=np.zeros_like(rows), groups=1
    )
    return {
        label.key: Counts(machine=machine, overread=overread, added=added, removed=removed)
        for label, machine, overread, added, removed in zip(
            labels,
            *(getattr(counts, name)[0].tolist() for name in ("machine", "overread", "added", "removed")),
            strict=True,
        )
    }
