"""An archive of reports that PostgreSQL has no statistics of: what it is just after an import, before any ANALYZE."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, text

from app.kit.database import Database

_FILLING = """
    ALTER TABLE ecgs SET (autovacuum_enabled = false); ALTER TABLE reports SET (autovacuum_enabled = false);
    ALTER TABLE texts SET (autovacuum_enabled = false); ALTER TABLE labelings SET (autovacuum_enabled = false);
    INSERT INTO texts (sha256, text) SELECT sha256(n::text::bytea), 'report ' || n FROM generate_series(1, 4000) n;
    INSERT INTO labelings (vocabulary_id, text_id, present, uncertain, negated, historical, findings, unmapped)
        SELECT vocabularies.id, texts.id, 0, 0, 0, 0, '[]', '{}' FROM texts, vocabularies WHERE state = 'active'
        ON CONFLICT DO NOTHING;
    INSERT INTO ecgs (id, record, site) SELECT gen_random_uuid(), 'r' || n, 'imported' FROM generate_series(1, 8000) n;
    INSERT INTO reports (id, ecg_id, source, version, current, text_id)
        SELECT gen_random_uuid(), ecgs.id, source, 1, true, (SELECT max(id) FROM texts)
        FROM ecgs, unnest(ARRAY['machine', 'overread']) source WHERE site = 'imported'
"""


def fill(database: Database) -> None:
    """Store 8,000 ECGs with two reports each."""
    with database.begin() as session:
        for statement in _FILLING.split(";"):
            session.execute(text(statement))


def whole_reads(engine: Engine, statements: Sequence[tuple[str, Any]]) -> list[str]:
    """Return the plans of those SELECTs that read all of a table that grows with the archive."""
    found = []
    with engine.connect() as connection:
        for statement, parameters in statements:
            if not statement.lstrip().startswith(("SELECT", "WITH")):
                continue
            plan = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars().all()
            if any(
                f"Seq Scan on {table}" in line for line in plan for table in ("ecgs", "reports", "texts", "labelings")
            ):
                found.append("\n".join([statement, *plan]))
    return found
