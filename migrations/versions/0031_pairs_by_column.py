"""Pairs by column, for questions about several attributes; and the audit log by who did what."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

_MEASUREMENTS = ("heart_rate", "pr_ms", "qrs_ms", "qt_ms", "qtc_ms", "p_axis", "qrs_axis", "t_axis")
_KNOWN = ("blinded", "validated")
_MORE = {
    "recorded_at": "timestamptz",
    "age": "double precision",
    "location_id": "integer DEFAULT 0 NOT NULL",
    "hour": "smallint DEFAULT -1 NOT NULL",
    "weekday": "smallint DEFAULT -1 NOT NULL",
    **dict.fromkeys(_MEASUREMENTS, "smallint"),
}
"""What `pair_deltas` holds besides, as `pairs` does."""
_BOTH = ("site_id", "device_id", "device_software_id", "reader_id", "sex", "slot", "simulated")
_COUNTED = ("cell_id", "month", "age_years", *_BOTH, *_KNOWN)
_LISTED = ("age", "ecg_id", *_BOTH, "location_id", *_KNOWN, *_MEASUREMENTS)
_COLUMNS = (
    *("cell_id", "site_id", "device_id", "device_software_id", "reader_id", "month", "age_years", "sex", "simulated"),
    *(*_KNOWN, "pairs", "recorded_at", "age", "location_id", "hour", "weekday", *_MEASUREMENTS),
)


def upgrade() -> None:
    op.create_index("ix_audit_log_actor", "audit_log", ["actor", sa.text("id DESC")])
    op.create_index("ix_audit_log_action", "audit_log", ["action", sa.text("id DESC")])
    op.execute("LOCK TABLE pairs IN SHARE ROW EXCLUSIVE MODE")
    for name, type_ in _MORE.items():
        op.execute(f"ALTER TABLE pair_deltas ADD COLUMN {name} {type_}")
    op.execute(
        "COMMENT ON TABLE pair_deltas IS "
        "'changes not yet in pair_totals and pair_columns; only ever appended, until they are folded'"
    )
    op.create_table(
        "pair_columns",
        sa.Column("slot", sa.SmallInteger(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False, comment="how many changes it holds"),
        sa.Column("net", sa.Integer(), nullable=False, comment="the sum of their pairs"),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        *(sa.Column(name, sa.LargeBinary(), nullable=False) for name in _COLUMNS),
        comment="blocks of changes of pairs, without what pair_deltas holds: bytes by column, see columns/layout.py",
        postgresql_partition_by="LIST (slot)",
    )
    for name in _COLUMNS:  # to read it is to copy it
        op.execute(f"ALTER TABLE pair_columns ALTER COLUMN {name} SET STORAGE EXTERNAL")
    for slot in (0, 1):
        op.execute(f"CREATE TABLE pair_columns_{slot} PARTITION OF pair_columns FOR VALUES IN ({slot})")
    _follow(_MORE)
    op.execute("TRUNCATE pair_totals, pair_deltas")
    counted = ", ".join(dict.fromkeys((*_COUNTED, *_MORE)))
    op.execute(f"INSERT INTO pair_deltas ({counted}, pairs) SELECT {counted}, 1 FROM pairs")  # noqa: S608


def downgrade() -> None:
    _follow(())
    op.drop_table("pair_columns")
    for name in _MORE:
        op.execute(f"ALTER TABLE pair_deltas DROP COLUMN {name}")
    op.execute(
        "COMMENT ON TABLE pair_deltas IS "
        "'changes not yet counted in pair_totals; only ever appended, until they are folded'"
    )
    op.drop_index("ix_audit_log_action", "audit_log")
    op.drop_index("ix_audit_log_actor", "audit_log")


def _follow(more: "dict[str, str] | tuple[()]") -> None:
    """Replace the triggers' function, with further columns in `pair_deltas`."""
    counts = tuple(dict.fromkeys((*_COUNTED, *more)))
    counted, changed = ", ".join(counts), ", ".join((*_LISTED, "outcome"))
    # no join of the two: its plan is kept, and one that was made for a row takes forever for a million
    followed = ", ".join(dict.fromkeys(("recorded_at", *counts, *_LISTED)))
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
                    RETURN NULL;  -- nothing that is counted or listed
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
