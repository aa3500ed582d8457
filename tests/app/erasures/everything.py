"""What is looked at after an erasure: every row, every file, every count."""

from sqlalchemy import text

from app.kit.database import Database
from app.settings import Settings


def dump(database: Database) -> dict[str, str]:
    """Every row of every table as text, by table."""
    tables = (
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace "
        "WHERE relkind = 'r' AND nspname = 'public'"
    )
    with database.begin() as session:
        names = session.scalars(text(tables)).all()
        return {name: "\n".join(session.scalars(text(f"SELECT t::text FROM {name} t"))) for name in names}


def places_of(database: Database, settings: Settings, *needles: str) -> list[str]:
    """Where any of these words stand: tables, and names and contents of the files of the data folder."""
    rows = {name: content.lower() for name, content in dump(database).items()}
    found = [f"{name}: {each}" for name, content in rows.items() for each in needles if each.lower() in content]
    for path in settings.data_dir.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        found += [f"{path}: {each}" for each in needles if each in path.name or each.encode() in content]
    return found


def check_counts(database: Database) -> None:
    """Compare what follows from the reports by triggers and writers with what is stored."""
    with database.begin() as session:
        for slot in session.scalars(text("SELECT slot FROM vocabularies WHERE slot IS NOT NULL")).all():
            ids = {"slot": slot}
            paired = session.execute(text(_PAIRED), ids).all()
            for facet in session.scalars(text("SELECT DISTINCT facet FROM pair_totals WHERE slot = :slot"), ids).all():
                counted = session.execute(text(_COUNTED), {**ids, "facet": facet}).all()
                assert list(map(tuple, counted)) == list(map(tuple, paired)), facet
            assert session.execute(text(_WRONG), ids).all() == []
        unused = "SELECT id FROM texts t WHERE NOT EXISTS (SELECT FROM reports WHERE text_id = t.id)"
        assert session.scalars(text(unused)).all() == []


_PAIRED = "SELECT cell_id, simulated, count(*) FROM pairs WHERE slot = :slot GROUP BY 1, 2 ORDER BY 1, 2"
_COUNTED = """
    SELECT cell_id, simulated, sum(pairs)::bigint FROM (
        SELECT cell_id, simulated, pairs FROM pair_totals WHERE slot = :slot AND facet = :facet
        UNION ALL SELECT cell_id, simulated, pairs FROM pair_deltas WHERE slot = :slot
    ) c GROUP BY 1, 2 HAVING sum(pairs) <> 0 ORDER BY 1, 2
"""
_WRONG = """
    SELECT 'a pair without its ECG', ecg_id FROM pairs WHERE slot = :slot AND ecg_id NOT IN (SELECT id FROM ecgs)
    UNION ALL
    SELECT 'a change without its pair', ecg_id FROM changes c
    WHERE slot = :slot AND NOT EXISTS (SELECT FROM pairs p WHERE p.slot = c.slot AND p.ecg_id = c.ecg_id)
    UNION ALL
    SELECT 'two readings and no pair', ecg_id FROM reports r GROUP BY ecg_id
    HAVING bool_or(source = 'machine' AND current) AND bool_or(source = 'overread' AND current)
    AND NOT EXISTS (SELECT FROM pairs p WHERE p.slot = :slot AND p.ecg_id = r.ecg_id)
"""
