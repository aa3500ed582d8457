"""Making an export: one snapshot of the database, written part by part."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from app.disagreement.counting.selection import PairFilter
from app.ecgs.service import Archive
from app.exports import documents, parquet, queries, waveforms
from app.exports.columns import TABLES, Column, Table, columns_of
from app.exports.schemas import ExportIn
from app.kit.database import Json
from app.kit.times import written
from app.vocabularies.service import Labelers
from ml.processes.durable import sync

PART = 20_000
"""Pairs that are held in memory at once, and whose rows are a row group."""

WAVEFORMS = 200  # ECGs that are read at once

Tell = Callable[[float, str], None]
"""Is told how far the work is (0 to 1), with a message; it may raise to end the work."""


class Exporter:
    """Writes one export into a folder. The session holds one snapshot, and is in no other transaction before."""

    def __init__(self, session: Session, request: ExportIn, chosen: PairFilter, tell: Tell) -> None:
        self._session = session
        self._request = request
        self._tell = tell
        self._done = 0  # of what is asked for
        self.snapshot_at = queries.hold_snapshot(session)
        rules = Labelers().active(session)
        self._labels = [label.key for label in rules.vocabulary.labels]
        tell(0.0, "choosing the pairs")
        self._chosen = queries.choose(session, rules, chosen)
        self._about = {
            "pairs": self._chosen.pairs,
            "vocabulary": rules.vocabulary.version,
            "labels": self._labels,
            "filters": request.filters,
            "time_zone": "UTC",
            "time_zones": {each.site: each.time_zone for each in queries.time_zones(session)},
            "newest_report": _said(self._chosen.newest_report),
        }

    def write(
        self, folder: Path, archive: Archive, put_in: Callable[[Path], AbstractContextManager[waveforms.Put]]
    ) -> Json:
        """Write everything that is asked for into an empty folder; return what there is now.

        `put_in` opens the place of the waveforms.
        """
        with_waveforms = "waveforms" in self._request.what
        tables = [
            (table, columns_of(table, self._labels, words=self._request.text, waveforms=with_waveforms))
            for what, table in TABLES.items()
            if what in self._request.what
        ]
        rows = {table.file: self._table(folder, table, columns) for table, columns in tables}
        result: Json = {
            "pairs": self._chosen.pairs,
            "snapshot_at": written(self.snapshot_at),
            **self._named(),
            "rows": rows,
        }
        if with_waveforms:
            with put_in(folder) as put:
                result |= self._waveforms(archive, put)
        (folder / documents.SCHEMA).write_text(documents.schema(self._about, tables), encoding="utf-8")
        text = documents.readme(self._about, tables, waveforms=with_waveforms, text=self._request.text)
        (folder / documents.README).write_text(text, encoding="utf-8")
        return {**result, "files": list(_files(folder))}

    def _named(self) -> Json:
        return {name: self._about[name] for name in ("vocabulary", "filters")}

    def _table(self, folder: Path, table: Table, columns: tuple[Column, ...]) -> int:
        cells = parquet.Cells(queries.cells(self._session), self._labels)
        groups = (
            queries.read_csv(self._session, table, columns, after=after, until=until)
            for after, until in self._parts(table.file, PART)
        )
        return parquet.write(
            folder / table.file, columns, parquet.schema_of(columns, self._about), groups=groups, cells=cells
        )

    def _waveforms(self, archive: Archive, put: waveforms.Put) -> Json:
        left_out: Counter[str] = Counter()
        stored = 0
        for after, until in self._parts(waveforms.FOLDER, WAVEFORMS):
            ecgs = queries.with_waveform(self._session, after, until)
            for fault in waveforms.write(ecgs, archive, put):
                if fault is None:
                    stored += 1
                else:
                    left_out[fault] += 1
            self._session.expunge_all()
        return {"waveforms": stored, "left_out": dict(left_out)}

    def _parts(self, what: str, size: int) -> Iterator[tuple[int, int]]:
        pairs = self._chosen.pairs
        for after in range(0, pairs, size):
            self._tell((self._done + after / pairs) / len(self._request.what), f"{what}: {after:,} of {pairs:,} pairs")
            yield after, after + size
        self._done += 1


def make_durable(folder: Path) -> None:
    """Call fsync on a folder and everything in it."""
    for path in (*folder.rglob("*"), folder):
        sync(path)


def _files(folder: Path) -> Iterator[Json]:
    """Yield the files that stand in the folder itself, by name."""
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        yield {"name": path.name, "bytes": path.stat().st_size, "sha256": digest}


def _said(at: datetime | None) -> str | None:
    return None if at is None else written(at)
