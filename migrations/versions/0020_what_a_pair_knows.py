"""What an ECG and a pair know besides: care unit, order, the device's measurements, local hour, blinded, validated."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_MEASUREMENTS = ("heart_rate", "pr_ms", "qrs_ms", "qt_ms", "qtc_ms", "p_axis", "qrs_axis", "t_axis")
_KNOWN = ("blinded", "validated")
_HIGHEST = {"heart_rate": 1000, **dict.fromkeys(("pr_ms", "qrs_ms", "qt_ms", "qtc_ms"), 5000)}
_FORMULAS = "'bazett', 'fridericia', 'framingham', 'hodges'"


def upgrade() -> None:
    _ecgs()
    for name in _KNOWN:
        op.execute(f"ALTER TABLE reports ADD COLUMN {name} varchar DEFAULT 'unknown' NOT NULL")
        op.execute(f"ALTER TABLE reports ADD CONSTRAINT ck_reports_{name} CHECK ({name} IN ('yes', 'no', 'unknown'))")
    op.execute("COMMENT ON COLUMN reports.blinded IS 'whether the reader had not seen the machine''s text'")
    op.execute("COMMENT ON COLUMN reports.validated IS 'whether a person has confirmed it'")
    op.execute("ALTER TABLE texts DROP CONSTRAINT ck_texts_text_or_codes")
    op.execute("ALTER TABLE texts ADD CONSTRAINT ck_texts_text_or_codes CHECK (num_nonnulls(text, codes) > 0)")
    op.create_table(
        "sites",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sites")),
    )
    _names("'site', 'location', 'device', 'device_software', 'reader'")
    op.execute("ALTER TABLE pairs ADD COLUMN location_id integer DEFAULT 0 NOT NULL")
    for name, default in (("hour", -1), ("weekday", -1), ("blinded", 0), ("validated", 0)):
        op.execute(f"ALTER TABLE pairs ADD COLUMN {name} smallint DEFAULT {default} NOT NULL")
    for name in _MEASUREMENTS:
        op.execute(f"ALTER TABLE pairs ADD COLUMN {name} smallint")
    op.execute("ALTER TABLE pairs DISABLE TRIGGER USER")  # nothing that is counted changes
    op.execute(
        "UPDATE pairs SET hour = extract(hour FROM recorded_at AT TIME ZONE 'UTC'), "
        "weekday = extract(isodow FROM recorded_at AT TIME ZONE 'UTC') WHERE recorded_at IS NOT NULL"
    )
    op.execute("ALTER TABLE pairs ENABLE TRIGGER USER")
    _edges(", blinded, validated")
    for name in _KNOWN:  # as for pairs: nothing is known yet
        op.execute(f"ALTER TABLE pair_deltas ADD COLUMN {name} smallint DEFAULT 0 NOT NULL")
        op.execute(f"ALTER TABLE pair_totals ADD COLUMN {name} smallint DEFAULT 0 NOT NULL")
    _key("simulated, facet, value, cell_id, blinded, validated, slot")
    _about_totals("pairs by kind (simulated, blinded, validated), one attribute and cell")
    op.execute("ALTER TABLE changes ADD COLUMN location_id integer DEFAULT 0 NOT NULL")
    for name in _KNOWN:
        op.execute(f"ALTER TABLE changes ADD COLUMN {name} smallint DEFAULT 0 NOT NULL")
    for name in _MEASUREMENTS:
        op.execute(f"ALTER TABLE changes ADD COLUMN {name} smallint")
    _count(_KNOWN, ("location_id", *_KNOWN, *_MEASUREMENTS))


def downgrade() -> None:
    _count((), ())
    for name in ("location_id", *_KNOWN, *_MEASUREMENTS):
        op.execute(f"ALTER TABLE changes DROP COLUMN {name}")
    op.execute(
        "CREATE TEMPORARY TABLE summed ON COMMIT DROP AS SELECT simulated, facet, value, cell_id, slot, "
        "sum(pairs)::bigint AS pairs FROM pair_totals GROUP BY 1, 2, 3, 4, 5"
    )
    op.execute("TRUNCATE pair_totals")
    _key("simulated, facet, value, cell_id, slot")
    _about_totals("real and simulated pairs by one attribute and cell")
    op.execute(
        "INSERT INTO pair_totals (simulated, facet, value, cell_id, slot, pairs) "
        "SELECT simulated, facet, value, cell_id, slot, pairs FROM summed"
    )
    op.execute("DROP TABLE summed")
    for name in _KNOWN:
        op.execute(f"ALTER TABLE pair_totals DROP COLUMN {name}")
        op.execute(f"ALTER TABLE pair_deltas DROP COLUMN {name}")
    _edges("")
    for name in ("location_id", "hour", "weekday", *_KNOWN, *_MEASUREMENTS):
        op.execute(f"ALTER TABLE pairs DROP COLUMN {name}")
    op.execute("DELETE FROM attribute_values WHERE attribute = 'location'")
    _names("'site', 'device', 'device_software', 'reader'")
    op.execute("DROP TABLE sites")
    op.execute("ALTER TABLE texts DROP CONSTRAINT ck_texts_text_or_codes")
    op.execute("UPDATE texts SET text = NULL WHERE codes IS NOT NULL")
    op.execute("ALTER TABLE texts ADD CONSTRAINT ck_texts_text_or_codes CHECK ((text IS NULL) <> (codes IS NULL))")
    for name in _KNOWN:
        op.execute(f"ALTER TABLE reports DROP COLUMN {name}")
    for name in ("location", "order_hash", *_MEASUREMENTS, "qtc_formula"):
        op.execute(f"ALTER TABLE ecgs DROP COLUMN {name}")


def _ecgs() -> None:
    op.execute("ALTER TABLE ecgs ADD COLUMN location varchar, ADD COLUMN order_hash bytea")
    op.execute("ALTER TABLE ecgs ADD CONSTRAINT ck_ecgs_order_hash CHECK (length(order_hash) = 32)")
    for name in _MEASUREMENTS:
        lowest, highest = (0, _HIGHEST[name]) if name in _HIGHEST else (-180, 180)
        op.execute(f"ALTER TABLE ecgs ADD COLUMN {name} real")
        op.execute(f"ALTER TABLE ecgs ADD CONSTRAINT ck_ecgs_{name} CHECK ({name} BETWEEN {lowest} AND {highest})")
    op.execute("ALTER TABLE ecgs ADD COLUMN qtc_formula varchar")
    op.execute(f"ALTER TABLE ecgs ADD CONSTRAINT ck_ecgs_qtc_formula CHECK (qtc_formula IN ({_FORMULAS}))")
    op.execute(
        "CREATE INDEX ix_ecgs_location ON ecgs (location, simulated, created_at DESC, id DESC) "
        "WHERE location IS NOT NULL"
    )
    op.execute("CREATE INDEX ix_ecgs_order_hash ON ecgs (order_hash) WHERE order_hash IS NOT NULL")


def _edges(more: str) -> None:
    """Make the indexes again that the pairs at the edges of a range are read from."""
    for column in ("recorded_at", "age"):
        op.execute(f"DROP INDEX ix_pairs_{column}")
        op.execute(f"CREATE INDEX ix_pairs_{column} ON pairs ({column}, cell_id, simulated{more})")


def _key(columns: str) -> None:
    op.execute("ALTER TABLE pair_totals DROP CONSTRAINT pk_pair_totals")
    op.execute(f"ALTER TABLE pair_totals ADD CONSTRAINT pk_pair_totals PRIMARY KEY ({columns})")


def _about_totals(what: str) -> None:
    op.execute(f"COMMENT ON TABLE pair_totals IS '{what}, without what pair_deltas holds'")


def _names(attributes: str) -> None:
    op.execute("ALTER TABLE attribute_values DROP CONSTRAINT ck_attribute_values_attribute")
    op.execute(
        f"ALTER TABLE attribute_values ADD CONSTRAINT ck_attribute_values_attribute CHECK (attribute IN ({attributes}))"
    )


def _count(counted_besides: tuple[str, ...], listed_besides: tuple[str, ...]) -> None:
    """Replace the triggers' function, with further columns in `pair_deltas` and in `changes`."""
    both = ("site_id", "device_id", "device_software_id", "reader_id", "sex", "slot", "simulated")
    counts = ("cell_id", "month", "age_years", *both, *counted_besides)
    lists = ("age", "ecg_id", *both, *listed_besides)
    counted, changed = ", ".join(counts), ", ".join((*lists, "outcome"))
    # no join of the two: its plan is kept, and one that was made for a row takes forever for a million
    followed = ", ".join(dict.fromkeys(("recorded_at", *counts, *lists)))
    when = "coalesce(p.recorded_at, '0001-01-01 00:00:00+00')"
    op.execute(
        f"""
        CREATE OR REPLACE FUNCTION pairs_follow() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'INSERT' THEN
                IF NOT EXISTS (SELECT FROM fresh) THEN
                    RETURN NULL;  -- an upsert that updated
                END IF;
            END IF;
            IF TG_OP = 'UPDATE' THEN
                IF NOT EXISTS (SELECT {followed} FROM stale EXCEPT SELECT {followed} FROM fresh) THEN
                    RETURN NULL;  -- nothing that is counted or listed, such as the hour
                END IF;
            END IF;
            IF TG_OP <> 'INSERT' THEN
                INSERT INTO pair_deltas ({counted}, pairs) SELECT {counted}, -1 FROM stale;
                DELETE FROM changes c USING stale p JOIN cell_outcomes o ON o.cell_id = p.cell_id
                WHERE c.outcome = o.outcome AND c.recorded_at = {when} AND c.ecg_id = p.ecg_id AND c.slot = p.slot
                AND c.simulated = p.simulated;
            END IF;
            IF TG_OP <> 'DELETE' THEN
                INSERT INTO pair_deltas ({counted}, pairs) SELECT {counted}, 1 FROM fresh;
                INSERT INTO changes (recorded_at, {changed})
                SELECT {when}, {changed} FROM fresh p JOIN cell_outcomes o ON o.cell_id = p.cell_id;
            END IF;
            RETURN NULL;
        END $$
        """  # noqa: S608
    )
