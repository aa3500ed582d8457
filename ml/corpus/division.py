"""The last step of making a store: its rows are divided, hashed and described."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from ml.corpus.split_rules import SplitRule
from ml.corpus.splits import SPLITS, Assigned, assign
from ml.processes.durable import sync

if TYPE_CHECKING:
    from hashlib import _Hash

FORMAT = 3  # 1 had no statements, 2 neither folds nor scales; they are read as stores that do not know them

_SPLIT_BY = ("ecg_id", "patient", "fold", "site", "recorded_at")
_ROWS_A_BATCH = 4096


class Described(NamedTuple):
    """What a store's hash is made of besides windows and rows; `said` are the statements as dictionaries."""

    labels: Sequence[tuple[str, str]]
    preprocessing: Mapping[str, Any]
    said: Sequence[Mapping[str, Any]]
    vocabulary: str | None


def divide(
    folder: Path,
    table: pa.Table,
    described: Described,
    content: "_Hash",
    *,
    rule: SplitRule,
    seed: int,
    fractions: tuple[float, float, float],
) -> dict[str, Any]:
    """Divide the rows of a store that is being built, write their table and the description, and return that.

    `content` has hashed the windows. Raises `ml.corpus.splits.CannotSplit`.
    """
    assigned = assign(rule, {name: table.column(name).to_pylist() for name in _SPLIT_BY}, seed, fractions)
    table = table.append_column("split", pa.array(assigned.split.tolist(), pa.string()))
    pq.write_table(table, folder / "windows.parquet")
    for row in _described(table):
        content.update(json.dumps(row, sort_keys=True).encode())
    labels = [list(label) for label in described.labels]
    content.update(json.dumps([labels, dict(described.preprocessing)], sort_keys=True).encode())
    content.update(json.dumps([described.said, described.vocabulary]).encode())
    description = {
        "format": FORMAT,
        "labels": [{"key": key, "name": name} for key, name in described.labels],
        "preprocessing": dict(described.preprocessing),
        "seed": seed,
        "fractions": list(fractions),
        "split": rule.model_dump(mode="json", exclude_none=True),
        "content_sha256": content.hexdigest(),
        "summary": _summarise(table, [key for key, _ in described.labels], assigned),
    }
    (folder / "dataset.json").write_text(json.dumps(description, indent=2))
    return description


def put(building: Path, folder: Path) -> None:
    """Give a store that was built its name, durably."""
    for path in (*building.iterdir(), building):
        sync(path)
    building.rename(folder)
    sync(folder.parent)


def _described(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Yield the rows as they are hashed: without the ids, which differ between installations with the same ECGs.

    A fold that is unknown is not hashed, and neither is the scale, which models do not see: datasets without folds have
    the hash that earlier releases gave them.
    """
    for batch in table.to_batches(_ROWS_A_BATCH):
        for row in batch.to_pylist():
            fold = {} if row["fold"] is None else {"fold": row["fold"]}
            known = {name: value for name, value in row.items() if name not in ("fold", "scale_mv")}
            yield {**known, **fold, "ecg_id": None, "recorded_at": str(row["recorded_at"])}


def _summarise(table: pa.Table, keys: Sequence[str], assigned: Assigned) -> dict[str, Any]:
    split = table.column("split").to_numpy()
    present, uncertain = (table.column(f"overread_{part}").fill_null(0).to_numpy() for part in ("present", "uncertain"))
    return {
        "windows": len(table),
        "ecgs": len(table.column("ecg_id").unique()),
        "patients": len(table.column("patient").unique()),
        "splits": {
            side: {
                "windows": int((split == side).sum()),
                "positives": {
                    key: int(((present | uncertain)[split == side] >> bit & 1).sum()) for bit, key in enumerate(keys)
                },
            }
            for side in SPLITS
        },
        "shared_patients": assigned.shared_patients,
        "left_out": assigned.left_out,
    }
