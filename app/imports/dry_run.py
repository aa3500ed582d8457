"""Reading an archive and storing nothing: what an import of it would find."""

import json
import os
from collections.abc import Iterator

from app.imports.counts import Imported
from app.imports.entries import EntryReader, Item, Refusal
from app.imports.importer import Progress
from app.imports.reading.prepared import Prepared
from app.imports.reading.processes import ReadingProcesses
from app.imports.source import Source
from app.kit.database import Database
from app.settings import Settings
from app.vocabularies.labeling_processes import LabelingProcesses
from app.vocabularies.queries import yaml_of
from app.vocabularies.service import Labelers, ReadingRules

TEXTS = 500  # read at a time
_Words = tuple[str | None, str | None]


def dry_run(database: Database, settings: Settings, source: Source, progress: Progress) -> Imported:
    """Return what would be found: ECGs, readings, labels in distinct texts, and refusals. Raises `BadArchive`.

    Everything is read, also what was imported before. Memory grows by the distinct texts.
    """
    with database.begin() as session:
        rules = Labelers().active(session)
        yaml = yaml_of(session, rules.id)
    imported = Imported(total=source.count())
    count = settings.labeling_processes or os.cpu_count() or 1
    with ReadingProcesses(count) as reading, LabelingProcesses(yaml, 1) as labeling:
        texts = _Texts(labeling, rules, imported)
        reader = EntryReader(reading, count, look_up=lambda _: {}, keep=lambda _: None)
        for items in reader.read(source, source.read()):
            for prepared in _counted(items, imported):
                for said in prepared.readings:
                    texts.add((said.text, said.codes))
            imported.found += len(items)
            progress(imported)
        texts.read()
    return imported


def _counted(items: list[Item], imported: Imported) -> Iterator[Prepared]:
    """Count items; yield what would be stored."""
    for item in items:
        if isinstance(item, Refusal):
            imported.refused.update({why.code for why in item.reasons})
            continue
        prepared, signal = item.prepared, item.prepared.signal
        if signal.state != "none":
            imported.signals[signal.state] += 1
        imported.refused.update({why.code for why in (*prepared.refused, *signal.reasons)})
        if not prepared.refused and (signal.state == "read" or prepared.record is not None):
            imported.ecgs += 1
            imported.readings.update(said.source for said in prepared.readings)
            yield prepared


class _Texts:
    """Reads each distinct text once, and counts the labels that are found in it."""

    def __init__(self, labeling: LabelingProcesses, rules: ReadingRules, imported: Imported) -> None:
        self._labeling = labeling
        self._labels = [label.key for label in rules.vocabulary.labels]
        self._imported = imported
        self._seen: set[int] = set()
        self._waiting: list[_Words] = []

    def add(self, words: _Words) -> None:
        """Read a text, unless it came before."""
        if (known := hash(words)) in self._seen:
            return
        self._seen.add(known)
        self._waiting.append(words)
        if len(self._waiting) >= TEXTS:
            self.read()

    def read(self) -> None:
        """Read what is waiting."""
        texts = [(number, text, codes and json.loads(codes)) for number, (text, codes) in enumerate(self._waiting)]
        self._waiting = []
        if not texts:
            return
        for _, present, uncertain, negated, historical, _, _, stance in json.loads(self._labeling.read(texts).rows):
            mask = present | uncertain | negated | historical
            self._imported.labels.update(label for bit, label in enumerate(self._labels) if mask >> bit & 1)
            self._imported.unread += stance == "unread"
