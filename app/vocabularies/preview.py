"""What another vocabulary would change, without storing anything."""

from collections.abc import Sequence

import numpy as np
from sqlalchemy.orm import Session

from app.disagreement import queries as disagreement
from app.disagreement import statistics
from app.disagreement.queries import PairFilter, SampledPair
from app.disagreement.statistics import Cells
from app.reports import queries as reports
from app.reports.schemas import FindingOut, Source
from app.reports.tables import StoredText
from app.vocabularies.schemas import Counts, FindingChange, LabelChange, PreviewOut
from app.vocabularies.service import ReadingRules
from ml.labeling import Finding, Labeler, Reading, Vocabulary
from ml.labeling.batch import read

Readings = dict[int, Reading]


def preview(
    session: Session, active: ReadingRules, vocabulary: Vocabulary, labeler: Labeler, sample: int, examples: int
) -> PreviewOut:
    """Read a sample of the pairs with both vocabularies; each distinct text once."""
    assert active.slot is not None
    pairs = disagreement.sample_pairs(session, active.slot, sample)
    texts = reports.texts(session, {text for pair in pairs for text in (pair.machine_text, pair.overread_text)})
    before = {text_id: read(active.labeler, said.text, said.codes) for text_id, said in texts.items()}
    after = {text_id: read(labeler, said.text, said.codes) for text_id, said in texts.items()}
    changed = {text_id: _changes(before[text_id], after[text_id]) for text_id in texts}
    names = {label.key: label.name for label in (*active.vocabulary.labels, *vocabulary.labels)}
    rows_before, rows_after = _table(active.vocabulary, pairs, before), _table(vocabulary, pairs, after)
    return PreviewOut(
        active=active.vocabulary.version,
        vocabulary=vocabulary.version,
        pairs=len(pairs),
        pairs_in_all=int(disagreement.count_cells(session, active.slot, PairFilter()).pairs.sum()),
        reports_changed=sum(bool(changed[p.machine_text]) + bool(changed[p.overread_text]) for p in pairs),
        labels=[
            LabelChange(label=key, name=name, before=rows_before.get(key), after=rows_after.get(key))
            for key, name in names.items()
        ],
        examples=_examples(pairs, texts, changed, examples),
    )


def _changes(before: Reading, after: Reading) -> list[tuple[str, Finding | None, Finding | None]]:
    old = {finding.label: finding for finding in before.findings}
    new = {finding.label: finding for finding in after.findings}
    return [
        (label, old.get(label), new.get(label))
        for label in dict.fromkeys([*old, *new])
        if (old[label].status if label in old else None) != (new[label].status if label in new else None)
    ]


def _table(vocabulary: Vocabulary, pairs: Sequence[SampledPair], readings: Readings) -> dict[str, Counts]:
    masks = {text_id: reading.masks() for text_id, reading in readings.items()}
    rows = [(*masks[pair.machine_text][:2], *masks[pair.overread_text][:2], 1) for pair in pairs]
    cells = Cells(*np.array(rows, dtype=np.int64).reshape(-1, 5).T)
    table = {}
    for bit, label in enumerate(vocabulary.labels):
        counts = statistics.count(cells, bit, "positive")
        table[label.key] = Counts(
            machine=counts.machine, overread=counts.overread, added=counts.added, removed=counts.removed
        )
    return table


def _examples(
    pairs: Sequence[SampledPair],
    texts: dict[int, StoredText],
    changed: dict[int, list[tuple[str, Finding | None, Finding | None]]],
    limit: int,
) -> list[FindingChange]:
    """Show changes, each text once."""
    shown: list[FindingChange] = []
    seen: set[int] = set()
    sources: tuple[Source, Source] = ("machine", "overread")
    for pair in pairs:
        said = (pair.machine_report, pair.machine_text), (pair.overread_report, pair.overread_text)
        for source, (report_id, text_id) in zip(sources, said, strict=True):
            if text_id in seen:
                continue
            seen.add(text_id)
            for label, before, after in changed[text_id]:
                if len(shown) == limit:
                    return shown
                shown.append(
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
    return shown
