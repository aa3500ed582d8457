"""Pairs hold ids of sites, devices and readers; totals, changes and snapshots of disagreement; device software."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_JSON = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())
_MONTH = (
    "COALESCE((EXTRACT(year FROM recorded_at AT TIME ZONE 'UTC') * 12 "
    "+ EXTRACT(month FROM recorded_at AT TIME ZONE 'UTC') - 1)::integer, -1)"
)
_ATTRIBUTES = "site_id, device_id, device_software_id, reader_id"
_COUNTED = f"cell_id, {_ATTRIBUTES}, month, slot, age_years, sex"
_CHANGED = f"age, ecg_id, outcome, {_ATTRIBUTES}, sex, slot"
_WHEN = "coalesce(p.recorded_at, '0001-01-01 00:00:00+00')"

# Which numbers these are: app/disagreement/outcomes.py.
_OUTCOMES = """
    SELECT c.id, 16 * label + m + 4 * o
    FROM {cells} c, generate_series(0, 62) label,
         LATERAL (SELECT (c.machine_present >> label & 1)::int + 2 * (c.machine_uncertain >> label & 1)::int AS m,
                         (c.overread_present >> label & 1)::int + 2 * (c.overread_uncertain >> label & 1)::int AS o) r
    WHERE (m > 0) <> (o > 0) OR m & 1 <> o & 1
    UNION ALL
    SELECT id, (1 << 20) | (positive << 12) | (negative << 6) | clear
    FROM (
        SELECT c.id,
               bit_count(((machine_present | machine_uncertain) # (overread_present | overread_uncertain))::bit(64)),
               bit_count((machine_present # overread_present)::bit(64)),
               bit_count(((machine_present # overread_present) & ~(machine_uncertain | overread_uncertain))::bit(64))
        FROM {cells} c
    ) counted (id, positive, negative, clear)
    WHERE positive + negative > 0
"""

_CELLS_FOLLOW = f"""
CREATE FUNCTION cells_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO cell_outcomes (cell_id, outcome) {_OUTCOMES.format(cells="fresh")};
    RETURN NULL;
END $$
"""

# Statement by statement, so that one pair and a million cost what they must. `stale` and `fresh` are the rows as they
# were and are: what a writer changed, whatever it had seen before.
_PAIRS_FOLLOW = f"""
CREATE FUNCTION pairs_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NOT EXISTS (SELECT FROM fresh) THEN
            RETURN NULL;  -- an upsert that updated
        END IF;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO pair_deltas ({_COUNTED}, pairs) SELECT {_COUNTED}, -1 FROM stale;
        DELETE FROM changes c USING stale p JOIN cell_outcomes o ON o.cell_id = p.cell_id
        WHERE c.outcome = o.outcome AND c.recorded_at = {_WHEN} AND c.ecg_id = p.ecg_id AND c.slot = p.slot;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO pair_deltas ({_COUNTED}, pairs) SELECT {_COUNTED}, 1 FROM fresh;
        INSERT INTO changes (recorded_at, {_CHANGED})
        SELECT {_WHEN}, {_CHANGED} FROM fresh p JOIN cell_outcomes o ON o.cell_id = p.cell_id;
    END IF;
    RETURN NULL;
END $$
"""  # noqa: S608


def upgrade() -> None:
    op.add_column("ecgs", sa.Column("device_software", sa.String(), nullable=True))
    _attribute_values()
    _cell_outcomes()
    _pairs()
    _followers()
    op.create_table(
        "disagreement_snapshots",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("vocabulary", sa.String(), nullable=False),
        sa.Column("query", _JSON, nullable=False),
        sa.Column("answer", _JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disagreement_snapshots")),
    )
    op.create_index(
        "ix_disagreement_snapshots_newest",
        "disagreement_snapshots",
        [sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
    )


def downgrade() -> None:
    op.drop_table("disagreement_snapshots")
    op.execute(
        "CREATE TABLE pairs_old (slot smallint NOT NULL, ecg_id uuid NOT NULL, cell_id integer NOT NULL, "
        "recorded_at timestamptz, site varchar, device varchar, reader varchar NOT NULL, sex varchar NOT NULL, "
        "age double precision) PARTITION BY LIST (slot)"
    )
    _slots_of("pairs_old", "pairs_old")
    op.execute(
        "INSERT INTO pairs_old SELECT slot, ecg_id, cell_id, recorded_at, s.value, d.value, coalesce(r.value, ''), "
        "(ARRAY['unknown', 'male', 'female'])[sex + 1], age FROM pairs "
        "LEFT JOIN attribute_values s ON s.id = site_id LEFT JOIN attribute_values d ON d.id = device_id "
        "LEFT JOIN attribute_values r ON r.id = reader_id"
    )
    op.drop_table("pairs")
    for table in ("changes", "pair_totals", "pair_deltas", "cell_outcomes", "attribute_values"):
        op.execute(f"DROP TABLE {table} CASCADE")
    op.execute("DROP FUNCTION pairs_follow()")
    op.execute("DROP FUNCTION cells_follow() CASCADE")
    for slot in (0, 1):
        op.rename_table(f"pairs_old_{slot}", f"pairs_{slot}")
    op.rename_table("pairs_old", "pairs")
    op.create_primary_key(op.f("pk_pairs"), "pairs", ["slot", "ecg_id"])
    op.create_foreign_key(op.f("fk_pairs_cell_id_cells"), "pairs", "cells", ["cell_id"], ["id"])
    op.create_foreign_key(op.f("fk_pairs_ecg_id_ecgs"), "pairs", "ecgs", ["ecg_id"], ["id"])
    op.create_index(op.f("ix_pairs_cell_id_ecg_id"), "pairs", ["cell_id", "ecg_id"])
    op.create_index(op.f("ix_pairs_recorded_at_cell_id"), "pairs", ["recorded_at", "cell_id"])
    op.drop_column("ecgs", "device_software")


def _attribute_values() -> None:
    op.create_table(
        "attribute_values",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("attribute", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.CheckConstraint(
            "attribute IN ('site', 'device', 'device_software', 'reader')", name=op.f("ck_attribute_values_attribute")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attribute_values")),
        sa.UniqueConstraint("attribute", "value", name=op.f("uq_attribute_values_attribute_value")),
    )
    for attribute in ("site", "device", "reader"):
        op.execute(
            f"INSERT INTO attribute_values (attribute, value) SELECT DISTINCT '{attribute}', {attribute} FROM pairs "  # noqa: S608
            f"WHERE {attribute} <> '' ORDER BY 2"
        )


def _cell_outcomes() -> None:
    op.create_table(
        "cell_outcomes",
        sa.Column("cell_id", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["cell_id"], ["cells.id"], name=op.f("fk_cell_outcomes_cell_id_cells")),
        sa.PrimaryKeyConstraint("cell_id", "outcome", name=op.f("pk_cell_outcomes")),
    )
    op.execute(f"INSERT INTO cell_outcomes (cell_id, outcome) {_OUTCOMES.format(cells='cells')}")
    op.execute(_CELLS_FOLLOW)
    op.execute(
        "CREATE TRIGGER cells_follow AFTER INSERT ON cells REFERENCING NEW TABLE AS fresh "
        "FOR EACH STATEMENT EXECUTE FUNCTION cells_follow()"
    )


def _pairs() -> None:
    op.execute(
        "CREATE TABLE pairs_new (recorded_at timestamptz, age double precision, ecg_id uuid NOT NULL, "
        "cell_id integer NOT NULL, site_id integer DEFAULT 0 NOT NULL, device_id integer DEFAULT 0 NOT NULL, "
        "device_software_id integer DEFAULT 0 NOT NULL, reader_id integer DEFAULT 0 NOT NULL, "
        f"month integer GENERATED ALWAYS AS ({_MONTH}) STORED NOT NULL, slot smallint NOT NULL, "
        "age_years smallint GENERATED ALWAYS AS (COALESCE(floor(age)::smallint, -1)) STORED NOT NULL, "
        "sex smallint DEFAULT 0 NOT NULL) PARTITION BY LIST (slot)"
    )
    _slots_of("pairs_new", "pairs_new")
    op.execute(
        "INSERT INTO pairs_new (recorded_at, age, ecg_id, cell_id, site_id, device_id, reader_id, slot, sex) "
        "SELECT recorded_at, age, ecg_id, cell_id, coalesce(s.id, 0), coalesce(d.id, 0), coalesce(r.id, 0), slot, "
        "array_position(ARRAY['unknown', 'male', 'female'], sex::text) - 1 FROM pairs "
        "LEFT JOIN attribute_values s ON s.attribute = 'site' AND s.value = site "
        "LEFT JOIN attribute_values d ON d.attribute = 'device' AND d.value = device "
        "LEFT JOIN attribute_values r ON r.attribute = 'reader' AND r.value = reader"
    )
    op.drop_table("pairs")
    for slot in (0, 1):
        op.rename_table(f"pairs_new_{slot}", f"pairs_{slot}")
    op.rename_table("pairs_new", "pairs")
    op.create_primary_key(op.f("pk_pairs"), "pairs", ["ecg_id", "slot"])
    op.create_foreign_key(op.f("fk_pairs_ecg_id_ecgs"), "pairs", "ecgs", ["ecg_id"], ["id"])
    op.create_index(op.f("ix_pairs_recorded_at_cell_id"), "pairs", ["recorded_at", "cell_id"])
    op.create_index(op.f("ix_pairs_age_cell_id"), "pairs", ["age", "cell_id"])


def _followers() -> None:
    op.execute(
        "CREATE TABLE pair_deltas (cell_id integer NOT NULL, site_id integer NOT NULL, device_id integer NOT NULL, "
        "device_software_id integer NOT NULL, reader_id integer NOT NULL, month integer NOT NULL, "
        "slot smallint NOT NULL, age_years smallint NOT NULL, sex smallint NOT NULL, pairs smallint NOT NULL) "
        "PARTITION BY LIST (slot)"
    )
    op.execute(
        "CREATE TABLE pair_totals (facet smallint NOT NULL, value integer NOT NULL, cell_id integer NOT NULL, "
        "slot smallint NOT NULL, pairs bigint NOT NULL, "
        "CONSTRAINT pk_pair_totals PRIMARY KEY (facet, value, cell_id, slot)) PARTITION BY LIST (slot)"
    )
    op.execute(
        "CREATE TABLE changes (recorded_at timestamptz NOT NULL, age double precision, ecg_id uuid NOT NULL, "
        "outcome integer NOT NULL, site_id integer NOT NULL, device_id integer NOT NULL, "
        "device_software_id integer NOT NULL, reader_id integer NOT NULL, sex smallint NOT NULL, "
        "slot smallint NOT NULL) PARTITION BY LIST (slot)"
    )
    op.create_table_comment(
        "pair_deltas", "changes not yet counted in pair_totals; only ever appended, until they are folded"
    )
    op.create_table_comment("pair_totals", "pairs by one attribute and cell, without what pair_deltas holds")
    op.create_table_comment("changes", "a row for each outcome of a pair's cell: what a drill-down lists")
    for column, comment in (
        ("pair_deltas.pairs", "1: a pair came; -1: it went"),
        ("pair_totals.facet", "which attribute: see counting/queries.py"),
        ("pair_totals.value", "its id, code, month or age"),
        ("changes.recorded_at", "0001-01-01 where not known: it sorts last"),
    ):
        op.execute(f"COMMENT ON COLUMN {column} IS '{comment}'")
    for table in ("pair_deltas", "pair_totals", "changes"):
        _slots_of(table, table)
    op.execute(
        f"INSERT INTO pair_deltas ({_COUNTED}, pairs) SELECT {_COUNTED}, 1 FROM pairs"  # noqa: S608
    )
    op.execute(
        f"INSERT INTO changes (recorded_at, {_CHANGED}) SELECT {_WHEN}, {_CHANGED} FROM pairs p "  # noqa: S608
        "JOIN cell_outcomes o ON o.cell_id = p.cell_id"
    )
    op.create_primary_key(op.f("pk_changes"), "changes", ["outcome", "recorded_at", "ecg_id", "slot"])
    for attribute in ("site", "device", "device_software", "reader"):
        columns = ["outcome", f"{attribute}_id", "recorded_at", "ecg_id"]
        op.create_index(f"ix_changes_{attribute}", "changes", columns)
    op.create_index("ix_changes_sex", "changes", ["outcome", "sex", "recorded_at", "ecg_id"])
    op.create_index("ix_changes_age", "changes", ["outcome", "age"])
    op.execute(_PAIRS_FOLLOW)
    for event, referencing in (
        ("INSERT", "NEW TABLE AS fresh"),
        ("UPDATE", "OLD TABLE AS stale NEW TABLE AS fresh"),
        ("DELETE", "OLD TABLE AS stale"),
    ):
        op.execute(
            f"CREATE TRIGGER pairs_follow_{event.lower()} AFTER {event} ON pairs REFERENCING {referencing} "
            "FOR EACH STATEMENT EXECUTE FUNCTION pairs_follow()"
        )


def _slots_of(table: str, partition: str) -> None:
    for slot in (0, 1):
        op.execute(f"CREATE TABLE {partition}_{slot} PARTITION OF {table} FOR VALUES IN ({slot})")
