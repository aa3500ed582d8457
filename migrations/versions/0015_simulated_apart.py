"""Simulated pairs are counted apart from real ones; ECGs are found again by site, device, time and waveform."""

from alembic import op

revision = "0015"
down_revision = "0013"
branch_labels = None
depends_on = None

_ATTRIBUTES = "site_id, device_id, device_software_id, reader_id"
_WHEN = "coalesce(p.recorded_at, '0001-01-01 00:00:00+00')"


def upgrade() -> None:
    op.execute("DROP FUNCTION pairs_follow() CASCADE")  # with its triggers
    op.execute("ALTER TABLE pairs ADD COLUMN simulated boolean DEFAULT false NOT NULL")
    op.execute("UPDATE pairs SET simulated = true FROM ecgs WHERE ecgs.id = pairs.ecg_id AND ecgs.simulated")
    op.execute("TRUNCATE pair_deltas, pair_totals, changes")
    for table in ("pair_deltas", "pair_totals", "changes"):
        op.execute(f"ALTER TABLE {table} ADD COLUMN simulated boolean NOT NULL")
    _keys(pair_totals="simulated, facet, value, cell_id, slot", changes="outcome, simulated, recorded_at, ecg_id, slot")
    _indexes(
        ("pairs", "recorded_at_cell_id", None),
        ("pairs", "age_cell_id", None),
        ("pairs", "recorded_at", "recorded_at, cell_id, simulated"),
        ("pairs", "age", "age, cell_id, simulated"),
        ("changes", "sex", "outcome, simulated, sex, recorded_at, ecg_id"),
        ("changes", "age", "outcome, simulated, age"),
        ("ecgs", "newest", "simulated, created_at DESC, id DESC"),
        ("ecgs", "with_waveform", "simulated, created_at DESC, id DESC) WHERE (waveform_sha256 IS NOT NULL"),
        ("ecgs", "site", "site, simulated, created_at DESC, id DESC"),
        ("ecgs", "device", "device, simulated, created_at DESC, id DESC"),
        ("ecgs", "device_software_simulated", "device_software, simulated"),
        ("ecgs", "recorded_at", "recorded_at"),
        ("reports", "reader", "reader) WHERE (current AND source::text = 'overread' AND reader::text <> ''"),
    )
    op.execute(
        "COMMENT ON TABLE pair_totals IS "
        "'real and simulated pairs by one attribute and cell, without what pair_deltas holds'"
    )
    _count_again(", simulated")


def downgrade() -> None:
    op.execute("DROP FUNCTION pairs_follow() CASCADE")
    op.execute("TRUNCATE pair_deltas, pair_totals, changes")
    _indexes(
        *(("ecgs", name, None) for name in ("with_waveform", "site", "device", "recorded_at")),
        ("ecgs", "device_software_simulated", None),
        ("reports", "reader", None),
        ("pairs", "recorded_at", None),
        ("pairs", "age", None),
        ("pairs", "recorded_at_cell_id", "recorded_at, cell_id"),
        ("pairs", "age_cell_id", "age, cell_id"),
        ("changes", "sex", "outcome, sex, recorded_at, ecg_id"),
        ("changes", "age", "outcome, age"),
        ("ecgs", "newest", "created_at DESC, id DESC"),
    )
    _keys(pair_totals="facet, value, cell_id, slot", changes="outcome, recorded_at, ecg_id, slot")
    for table in ("pairs", "pair_deltas", "pair_totals", "changes"):
        op.execute(f"ALTER TABLE {table} DROP COLUMN simulated")
    op.execute("COMMENT ON TABLE pair_totals IS 'pairs by one attribute and cell, without what pair_deltas holds'")
    _count_again("")


def _keys(**columns: str) -> None:
    for table, key in columns.items():
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT pk_{table}")
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT pk_{table} PRIMARY KEY ({key})")


def _indexes(*wanted: tuple[str, str, str | None]) -> None:
    """Replace indexes: table, name, and columns (None: only drop it)."""
    for table, name, columns in wanted:
        op.execute(f"DROP INDEX IF EXISTS ix_{table}_{name}")
        if columns is not None:
            op.execute(f"CREATE INDEX ix_{table}_{name} ON {table} ({columns})")


def _count_again(simulated: str) -> None:
    """Make what follows from pairs, and the triggers that keep it. `simulated`: the column, or nothing before it."""
    counted = f"cell_id, {_ATTRIBUTES}, month, slot, age_years, sex{simulated}"
    changed = f"age, ecg_id, outcome, {_ATTRIBUTES}, sex, slot{simulated}"
    same_kind = "AND c.simulated = p.simulated" if simulated else ""
    op.execute(f"INSERT INTO pair_deltas ({counted}, pairs) SELECT {counted}, 1 FROM pairs")  # noqa: S608
    op.execute(
        f"INSERT INTO changes (recorded_at, {changed}) SELECT {_WHEN}, {changed} FROM pairs p "  # noqa: S608
        "JOIN cell_outcomes o ON o.cell_id = p.cell_id"
    )
    # Statement by statement, so that one pair and a million cost what they must. `stale` and `fresh` are the rows as
    # they were and are.
    op.execute(
        f"""
        CREATE FUNCTION pairs_follow() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'INSERT' THEN
                IF NOT EXISTS (SELECT FROM fresh) THEN
                    RETURN NULL;  -- an upsert that updated
                END IF;
            END IF;
            IF TG_OP <> 'INSERT' THEN
                INSERT INTO pair_deltas ({counted}, pairs) SELECT {counted}, -1 FROM stale;
                DELETE FROM changes c USING stale p JOIN cell_outcomes o ON o.cell_id = p.cell_id
                WHERE c.outcome = o.outcome AND c.recorded_at = {_WHEN} AND c.ecg_id = p.ecg_id AND c.slot = p.slot
                {same_kind};
            END IF;
            IF TG_OP <> 'DELETE' THEN
                INSERT INTO pair_deltas ({counted}, pairs) SELECT {counted}, 1 FROM fresh;
                INSERT INTO changes (recorded_at, {changed})
                SELECT {_WHEN}, {changed} FROM fresh p JOIN cell_outcomes o ON o.cell_id = p.cell_id;
            END IF;
            RETURN NULL;
        END $$
        """  # noqa: S608
    )
    for event, referencing in (
        ("INSERT", "NEW TABLE AS fresh"),
        ("UPDATE", "OLD TABLE AS stale NEW TABLE AS fresh"),
        ("DELETE", "OLD TABLE AS stale"),
    ):
        op.execute(
            f"CREATE TRIGGER pairs_follow_{event.lower()} AFTER {event} ON pairs REFERENCING {referencing} "
            "FOR EACH STATEMENT EXECUTE FUNCTION pairs_follow()"
        )
