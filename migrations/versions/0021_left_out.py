"""A pair whose reports cannot be compared is kept, with the reason in its cell; labelings may be unread."""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_UNREADABLE = 4  # app/disagreement/statistics.py
_MEASUREMENTS = ("heart_rate", "pr_ms", "qrs_ms", "qt_ms", "qtc_ms", "p_axis", "qrs_axis", "t_axis")
_LOCAL = "e.recorded_at AT TIME ZONE coalesce(z.time_zone, 'UTC')"
_KNOWN = "ARRAY['unknown', 'yes', 'no']"
_MASKS = "machine_present, machine_uncertain, overread_present, overread_uncertain"


def upgrade() -> None:
    op.drop_constraint("ck_labelings_stance", "labelings")
    op.execute(
        "ALTER TABLE labelings ADD CONSTRAINT ck_labelings_stance "
        "CHECK (stance IN ('read', 'agrees', 'unreadable', 'unread'))"
    )
    op.execute("ALTER TABLE cells ADD COLUMN left_out smallint DEFAULT 0 NOT NULL")
    op.execute("COMMENT ON COLUMN cells.left_out IS 'why it is not compared: 1, 2 unread; 4 unreadable'")
    op.drop_constraint("uq_cells_masks", "cells")
    op.execute(f"ALTER TABLE cells ADD CONSTRAINT uq_cells_masks UNIQUE ({_MASKS}, left_out)")
    op.execute(
        "ALTER TABLE cells ADD CONSTRAINT ck_cells_left_out CHECK (left_out BETWEEN 0 AND 7 AND "
        f"(left_out = 0 OR ({_MASKS.replace(', ', ' | ')}) = 0))"
    )
    _add_unreadable_pairs()
    op.execute("DROP INDEX ix_labelings_unreadable")
    op.execute("CREATE INDEX ix_labelings_unread ON labelings (vocabulary_id, text_id) WHERE stance::text = 'unread'")


def downgrade() -> None:
    op.execute("DELETE FROM pairs USING cells WHERE cells.id = cell_id AND left_out <> 0")
    op.execute("DELETE FROM pair_totals USING cells WHERE cells.id = cell_id AND left_out <> 0")
    op.execute("DELETE FROM pair_deltas USING cells WHERE cells.id = cell_id AND left_out <> 0")
    op.execute("DELETE FROM cells WHERE left_out <> 0")
    op.drop_constraint("ck_cells_left_out", "cells")
    op.drop_constraint("uq_cells_masks", "cells")
    op.execute("ALTER TABLE cells DROP COLUMN left_out")
    op.execute(f"ALTER TABLE cells ADD CONSTRAINT uq_cells_masks UNIQUE ({_MASKS})")
    op.execute("DROP INDEX ix_labelings_unread")
    op.execute("UPDATE labelings SET stance = 'read' WHERE stance = 'unread'")
    op.drop_constraint("ck_labelings_stance", "labelings")
    op.execute(
        "ALTER TABLE labelings ADD CONSTRAINT ck_labelings_stance CHECK (stance IN ('read', 'agrees', 'unreadable'))"
    )
    op.execute(
        "CREATE INDEX ix_labelings_unreadable ON labelings (vocabulary_id, text_id) WHERE stance::text = 'unreadable'"
    )


def _add_unreadable_pairs() -> None:
    """Add the pairs that earlier releases did not make, because the over-read that counts is unreadable."""
    op.execute(
        """
        CREATE TEMPORARY TABLE unreadable ON COMMIT DROP AS
        SELECT v.slot, e.id AS ecg_id, o.reader, o.blinded, o.validated
        FROM vocabularies v, LATERAL (
            SELECT DISTINCT r.ecg_id FROM labelings l JOIN reports r ON r.text_id = l.text_id
            WHERE l.vocabulary_id = v.id AND l.stance::text = 'unreadable' AND r.current AND r.source = 'overread'
        ) said JOIN ecgs e ON e.id = said.ecg_id, LATERAL (
            SELECT r.reader, r.text_id, r.blinded, r.validated FROM reports r
            WHERE r.ecg_id = e.id AND r.source = 'overread' AND r.current
            ORDER BY r.final DESC, coalesce(r.authored_at, r.created_at) DESC, r.created_at DESC, r.version DESC
            LIMIT 1
        ) o
        WHERE v.slot IS NOT NULL
        AND EXISTS (
            SELECT FROM labelings l
            WHERE l.vocabulary_id = v.id AND l.text_id = o.text_id AND l.stance::text = 'unreadable'
        )
        AND EXISTS (SELECT FROM reports m WHERE m.ecg_id = e.id AND m.source = 'machine' AND m.current)
        """
    )
    op.execute(
        f"INSERT INTO cells ({_MASKS}, left_out) SELECT 0, 0, 0, 0, {_UNREADABLE} "  # noqa: S608
        "WHERE EXISTS (SELECT FROM unreadable)"
    )
    named = {name: f"e.{name}" for name in ("site", "location", "device", "device_software")} | {"reader": "u.reader"}
    for attribute, value in named.items():
        op.execute(
            f"INSERT INTO attribute_values (attribute, value) SELECT DISTINCT '{attribute}', {value} "  # noqa: S608
            f"FROM unreadable u JOIN ecgs e ON e.id = u.ecg_id WHERE {value} <> '' ORDER BY 2 ON CONFLICT DO NOTHING"
        )
    ids = ", ".join(
        f"coalesce((SELECT id FROM attribute_values WHERE attribute = '{attribute}' AND value = {value}), 0)"  # noqa: S608
        for attribute, value in named.items()
    )
    op.execute(
        f"""
        INSERT INTO pairs (slot, ecg_id, cell_id, recorded_at, age, sex, simulated, hour, weekday, blinded, validated,
                           {", ".join(_MEASUREMENTS)}, {", ".join(f"{name}_id" for name in named)})
        SELECT u.slot, e.id, cells.id, e.recorded_at, e.age,
               array_position(ARRAY['unknown', 'male', 'female'], e.sex) - 1, e.simulated,
               coalesce(extract(hour FROM {_LOCAL}), -1), coalesce(extract(isodow FROM {_LOCAL}), -1),
               array_position({_KNOWN}, u.blinded) - 1, array_position({_KNOWN}, u.validated) - 1,
               {", ".join(f"e.{name}::smallint" for name in _MEASUREMENTS)}, {ids}
        FROM unreadable u JOIN ecgs e ON e.id = u.ecg_id JOIN cells ON cells.left_out = {_UNREADABLE}
        LEFT JOIN sites z ON z.name = e.site
        ON CONFLICT DO NOTHING
        """  # noqa: S608
    )
    op.execute("DROP TABLE unreadable")
