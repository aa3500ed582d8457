"""The change watch: how far it has counted, streams, their days, and alarms."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

NOW = sa.text("now()")


def upgrade() -> None:
    op.create_table(
        "watches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("vocabulary_id", sa.Uuid(), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column(
            "counted_to", sa.Date(), nullable=True, comment="the last day that was counted; it is never counted again"
        ),
        sa.Column(
            "looked_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when a worker last looked whether a day can be counted",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(
            ["vocabulary_id"], ["vocabularies.id"], name=op.f("fk_watches_vocabulary_id_vocabularies")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_watches")),
        sa.UniqueConstraint("vocabulary_id", "simulated", name=op.f("uq_watches_vocabulary_id_simulated")),
    )
    op.create_table(
        "watch_streams",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("watch_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=False),
        sa.Column("device_software_id", sa.Integer(), nullable=False),
        sa.Column("compared_with", sa.Uuid(), nullable=True, comment="the version before, whose reference it has"),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("pairs", sa.Integer(), nullable=False),
        sa.Column("charts", JSONB(none_as_null=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(
            ["compared_with"],
            ["watch_streams.id"],
            name=op.f("fk_watch_streams_compared_with_watch_streams"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["watch_id"], ["watches.id"], name=op.f("fk_watch_streams_watch_id_watches"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_watch_streams")),
        sa.UniqueConstraint("watch_id", "site_id", "device_id", "device_software_id", name="uq_watch_streams_of"),
    )
    op.create_table(
        "watch_days",
        sa.Column("stream_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("pairs", sa.Integer(), nullable=False),
        sa.Column("machine", sa.ARRAY(sa.Integer()), nullable=False),
        sa.Column("added", sa.ARRAY(sa.Integer()), nullable=False),
        sa.Column("removed", sa.ARRAY(sa.Integer()), nullable=False),
        sa.Column("statistics", sa.ARRAY(sa.Integer()), nullable=False),
        sa.ForeignKeyConstraint(
            ["stream_id"], ["watch_streams.id"], name=op.f("fk_watch_days_stream_id_watch_streams"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("stream_id", "day", name=op.f("pk_watch_days")),
    )
    op.create_table(
        "watch_alarms",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("stream_id", sa.Uuid(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False, comment="of the readings that made it ring"),
        sa.Column("since", sa.Date(), nullable=False, comment="the day from which the statistic has been above 0"),
        sa.Column("readings", sa.Integer(), nullable=False, comment="since then"),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("reference_readings", sa.Integer(), nullable=False),
        sa.Column("reference_events", sa.Integer(), nullable=False),
        sa.Column("statistic", sa.Integer(), nullable=False),
        sa.Column("limit", sa.Integer(), nullable=False),
        sa.Column("rung_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("verdict", sa.String(), nullable=True),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("answered_by", sa.String(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("direction IN ('added', 'removed')", name=op.f("ck_watch_alarms_direction")),
        sa.CheckConstraint("verdict IN ('change', 'chance')", name=op.f("ck_watch_alarms_verdict")),
        sa.CheckConstraint(
            "num_nulls(verdict, answered_at, answered_by) IN (0, 3)", name=op.f("ck_watch_alarms_answered")
        ),
        sa.ForeignKeyConstraint(
            ["stream_id"],
            ["watch_streams.id"],
            name=op.f("fk_watch_alarms_stream_id_watch_streams"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_watch_alarms")),
    )
    op.create_index(
        "uq_watch_alarms_open",
        "watch_alarms",
        ["stream_id", "label", "direction"],
        unique=True,
        postgresql_where=sa.text("verdict IS NULL"),
    )
    op.create_index("ix_watch_alarms_newest", "watch_alarms", [sa.text("rung_at DESC"), sa.text("id DESC")])


def downgrade() -> None:
    for table in ("watch_alarms", "watch_days", "watch_streams", "watches"):
        op.drop_table(table)
