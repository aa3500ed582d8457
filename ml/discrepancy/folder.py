"""A discrepancy model as a folder: JSON and Parquet, nothing pickled, read without torch and without scikit-learn.

`discrepancy.json` describes it and has the SHA-256 of every other file; `discrepancy.json.sha256` has its own.
`trees.json` are the trees. Two tables of pairs are for whoever judges by the model:

`held_out.parquet`
    Pairs that were never used to fit or to calibrate: of other patients, and later where times are known.
`out_of_fold.parquet`
    The other pairs, each predicted by trees that were grown without its patient. (The few weights of a calibration are
    those of all these pairs.)

Both have the columns of `pair_columns`. P(the expert asserts a label) is `change` where the machine does not say it,
and 1 - `change` where it does.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from ml.processes.durable import sync, write_whole
from ml.processes.run_folder import json_safe

MANIFEST, SEAL, TREES = "discrepancy.json", "discrepancy.json.sha256", "trees.json"
HELD_OUT, OUT_OF_FOLD = "held_out.parquet", "out_of_fold.parquet"
FILES = (TREES, HELD_OUT, OUT_OF_FOLD)
MAX_MANIFEST_BYTES = 10_000_000
MAX_TREES_BYTES = 200_000_000
ROWS_A_GROUP = 16_384
FEWEST_PAIRS = 200
"""With fewer there is no discrepancy model."""

PairsFile = Literal["held_out.parquet", "out_of_fold.parquet"]
Direction = Literal["added", "removed"]
DIRECTIONS: tuple[Direction, ...] = ("added", "removed")

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]


class InvalidFolder(ValueError):
    """The folder is not a whole discrepancy model; the message says why."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Calibration(_Part):
    """How the probability of a change is made: σ(trees · t + of_model · m + bias), see `ml.discrepancy.calibrate`.

    t and m are the log odds of a change by the trees and by the model's own probability; where there is no such
    probability, `without_model` stands in its place. With too few changes nothing is `learnt`: the weights are 0, and
    the probability is the rate at which such statements were changed.
    """

    learnt: bool
    changes: Count = Field(description="Changes among the pairs that it was fitted on.")
    pairs: Count = Field(description="Pairs that could have been changed in this way.")
    trees: Annotated[float, Field(ge=0)]
    of_model: Annotated[float, Field(ge=0)]
    without_model: float
    bias: float


class LabelChanges(_Part):
    """A label: what is known of its changes in both directions."""

    key: Annotated[str, Field(min_length=1, max_length=200)]
    added: Calibration
    removed: Calibration


class Split(_Part):
    """Which pairs were held out."""

    how: Literal["later", "patients"] = Field(
        description="later: other patients, from `held_out_from` on; patients: other patients at any time"
    )
    held_out_from: AwareDatetime | None
    fitted: Count = Field(description="Pairs that it was fitted and calibrated on.")
    fitted_patients: Count
    held_out: Count
    held_out_patients: Count
    left_out: Count = Field(description="Later pairs of patients that it was fitted on: in neither table.")


class Manifest(_Part):
    """The content of `discrepancy.json`. `table` is what `ml.discrepancy.table` measured."""

    format: Literal[1] = 1
    created_at: AwareDatetime
    vocabulary: str
    model: str | None = Field(description="The id of the model whose logits it reads; None: of none.")
    weights_sha256: Sha256 | None
    features: tuple[str, ...]
    labels: Annotated[tuple[LabelChanges, ...], Field(min_length=1, max_length=63)]
    any_change: Calibration
    split: Split
    table: dict[str, Any]
    versions: dict[str, str]
    files: dict[str, Sha256]

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the labels, in the order of the vocabulary."""
        return tuple(label.key for label in self.labels)


def pair_columns(labels: Sequence[str]) -> pa.Schema:
    """Return the columns of the two tables of pairs.

    `patient` is an opaque key, one a patient. For each label: what machine and over-read said (a hedged statement
    counts as said), and `change_<label>`, the calibrated probability that the expert changes it: adds it where the
    machine does not say it, removes it where it does. `change_any` is the probability of a change of any label.
    """
    fields = [
        ("ecg_id", pa.string()),
        ("patient", pa.string()),
        ("recorded_at", pa.timestamp("us", tz="UTC")),
        ("site", pa.string()),
        ("device", pa.string()),
        ("device_software", pa.string()),
        *((f"{source}_{label}", pa.int8()) for label in labels for source in ("machine", "overread")),
        *((f"change_{label}", pa.float32()) for label in labels),
        ("change_any", pa.float32()),
    ]
    return pa.schema(fields)


class Said(NamedTuple):
    """Rows of a table of pairs as arrays.

    Attributes
    ----------
    machine, overread
        (n, labels) bool.
    change
        (n, labels), the probability that the expert changes what the machine says of the label.
    change_any
        (n,)
    patient
        (n,)
    """

    machine: NDArray[np.bool_]
    overread: NDArray[np.bool_]
    change: NDArray[np.float64]
    change_any: NDArray[np.float64]
    patient: NDArray[np.str_]

    def asserted(self) -> NDArray[np.float64]:
        """Return the probability that the expert asserts each label, (n, labels)."""
        return np.where(self.machine, 1 - self.change, self.change)


class PairsWriter:
    """Writes a table of pairs, a row group at a time."""

    def __init__(self, path: Path, labels: Sequence[str]) -> None:
        self._path, self._schema = path, pair_columns(labels)
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def append(self, columns: dict[str, Any]) -> None:
        """Add rows, given by column."""
        arrays = [pa.array(columns[field.name], field.type) for field in self._schema]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema), row_group_size=ROWS_A_GROUP)


def finish(folder: Path, manifest: dict[str, Any]) -> Manifest:
    """Write the manifest of a folder whose other files are there, and make all of it durable.

    `manifest` has the fields of `Manifest` but `files`.
    """
    files = {name: _sha256(folder / name) for name in FILES}
    complete = Manifest.model_validate({**json_safe(manifest), "files": files})
    for name in FILES:
        sync(folder / name)
    content = json.dumps(complete.model_dump(mode="json"), indent=1, allow_nan=False).encode()
    write_whole(folder / MANIFEST, content)
    write_whole(folder / SEAL, _seal(content))
    return complete


def read_manifest(folder: Path) -> Manifest:
    """Read a folder's manifest. Raises `InvalidFolder`."""
    try:
        content = read_bounded(folder / MANIFEST, MAX_MANIFEST_BYTES)
        if (folder / SEAL).read_bytes() != _seal(content):
            raise InvalidFolder(f"{MANIFEST} was changed: {SEAL} has another SHA-256")
        return Manifest.model_validate_json(content)
    except OSError as error:
        raise InvalidFolder(f"{error}") from error
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, each['loc'])) or 'it'}: {each['msg']}" for each in error.errors()[:5]]
        raise InvalidFolder(f"{MANIFEST}: {'; '.join(wrong)}") from error


def read_pairs(folder: Path, name: PairsFile, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield a table of pairs, at most `ROWS_A_GROUP` rows at a time; some of its columns, or all.

    The file's hash is checked first. Raises `InvalidFolder`.
    """
    manifest = read_manifest(folder)
    path = folder / name
    if not path.is_file() or _sha256(path) != manifest.files.get(name):
        raise InvalidFolder(f"{name} is missing, or was changed: its SHA-256 is not the one in the manifest")
    with pq.ParquetFile(path) as table:
        if not table.schema_arrow.equals(pair_columns(manifest.keys)):
            raise InvalidFolder(f"{name} has other columns than its manifest says")
        yield from table.iter_batches(ROWS_A_GROUP, columns=None if columns is None else list(columns))


def said(batch: pa.RecordBatch, labels: Sequence[str]) -> Said:
    """Return rows of `read_pairs`, with all columns, as arrays."""

    def stacked(source: str) -> NDArray[Any]:
        return np.stack([batch.column(f"{source}_{label}").to_numpy() for label in labels], axis=1)

    return Said(
        stacked("machine").astype(bool),
        stacked("overread").astype(bool),
        stacked("change").astype(np.float64),
        batch.column("change_any").to_numpy().astype(np.float64),
        np.array(batch.column("patient").to_pylist(), np.str_),
    )


def read_bounded(path: Path, most_bytes: int) -> bytes:
    """Read a file that is not larger than it may be. Raises `InvalidFolder` and `OSError`."""
    with path.open("rb") as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise InvalidFolder(f"{path.name} is too large")
    return content


def _seal(content: bytes) -> bytes:
    return f"{hashlib.sha256(content).hexdigest()}  {MANIFEST}\n".encode()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
