"""The README and the schema that stand beside the tables of an export."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from app.exports.columns import Column, Table

README = "README.md"
SCHEMA = "schema.json"
TITLE = "# ECGs with the machine's report and the over-read"
INTRODUCTION = """\
Exported by Overread. Each table is Parquet; a row group holds the ECGs of a stretch of ids. Times are UTC. Every column
says what it holds in its field's metadata, and `schema.json` says the same. One line opens a table:

    pandas.read_parquet("pairs.parquet")
    duckdb.sql("SELECT * FROM 'pairs.parquet'")
    datasets.load_dataset("parquet", data_files="pairs.parquet")

`overread import manifest pairs.parquet` stores the pairs in another service. Patients and orders are keyed hashes: they
are the same in every export of this service, and tell nothing without its key."""
WAVEFORMS = """\
## Waveforms

WFDB, format 16, two files an ECG: `waveforms/<first two characters of the id>/<id>.hea` and `.dat`. Read again they
have the digest that they had."""


def schema(about: Mapping[str, Any], tables: Sequence[tuple[Table, Sequence[Column]]]) -> str:
    """Return what the tables hold, for programs."""
    described = {
        table.file: {
            "about": table.about,
            "columns": [
                {
                    "name": column.name,
                    "type": column.kind,
                    "meaning": column.meaning,
                    **({"unit": column.unit} if column.unit else {}),
                    **({"derived": True} if column.derived else {}),
                }
                for column in columns
            ],
        }
        for table, columns in tables
    }
    return json.dumps({**about, "tables": described}, indent=2, ensure_ascii=False) + "\n"


def readme(
    about: Mapping[str, Any], tables: Sequence[tuple[Table, Sequence[Column]]], *, waveforms: bool, text: bool
) -> str:
    """Return what the tables hold, for people."""
    parts = [TITLE, INTRODUCTION, "\n".join(_facts(about, text=text))]
    parts += [_table(table, columns) for table, columns in tables]
    return "\n\n".join([*parts, *([WAVEFORMS] if waveforms else [])]) + "\n"


def _facts(about: Mapping[str, Any], *, text: bool) -> list[str]:
    filters = ", ".join(f"{name} = {value}" for name, value in about["filters"].items()) or "none"
    zones = ", ".join(f"{site}: {zone}" for site, zone in about["time_zones"].items())
    return [
        f"- Pairs: {about['pairs']:,}; filters: {filters}",
        f"- Vocabulary: {about['vocabulary']}; labels: {', '.join(about['labels'])}",
        f"- The newest report was stored at: {about['newest_report'] or '-'}",
        f"- Hour and weekday: in the site's time zone ({zones or 'none is set'}; elsewhere UTC)",
        f"- Report text: {'included' if text else 'left out'}",
    ]


def _table(table: Table, columns: Sequence[Column]) -> str:
    rows = [
        f"| `{column.name}` | {column.kind} | {column.meaning}{f' ({column.unit})' if column.unit else ''} |"
        for column in columns
    ]
    return "\n".join([f"## {table.file}", "", table.about, "", "| column | type | holds |", "|---|---|---|", *rows])
