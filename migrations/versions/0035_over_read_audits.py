"""Audits of over-reads: what they list, what was decided of it, and readers' rates."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

DECIDED = "decision IN ('upheld', 'corrected', 'unclear')"


def upgrade() -> None:
    op.create_table(
        "over_read_audits",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("discrepancy_model_id", sa.Uuid(), nullable=False),
        sa.Column("vocabulary_id", sa.Uuid(), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("readings", sa.Integer(), nullable=False, comment="over-reads that were looked at"),
        sa.Column("labels", postgresql.JSONB(none_as_null=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["jobs.id"], name=op.f("fk_over_read_audits_id_jobs")),
        sa.ForeignKeyConstraint(
            ["vocabulary_id"], ["vocabularies.id"], name=op.f("fk_over_read_audits_vocabulary_id_vocabularies")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_over_read_audits")),
    )
    op.create_index(
        "ix_over_read_audits_newest",
        "over_read_audits",
        ["simulated", sa.text("created_at DESC"), sa.text("id DESC")],
    )
    op.create_table(
        "over_read_flags",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("audit_id", sa.Uuid(), nullable=False),
        sa.Column("ecg_id", sa.Uuid(), nullable=False),
        sa.Column("report_id", sa.Uuid(), nullable=False, comment="the over-read's version"),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("asserted", sa.Boolean(), nullable=False, comment="whether the over-read asserts the label"),
        sa.Column("rank", sa.Integer(), nullable=False, comment="by evidence × weight among all labels, 1 first"),
        sa.Column("label_rank", sa.Integer(), nullable=False, comment="the same among the flags of this label"),
        sa.Column("evidence", sa.REAL(), nullable=False),
        sa.Column("weight", sa.String(), nullable=False),
        sa.Column("score", sa.REAL(), nullable=False),
        sa.Column("probability", sa.REAL(), nullable=True, comment="that an expert asserts the label"),
        sa.Column("model", sa.REAL(), nullable=False),
        sa.Column("others", sa.REAL(), nullable=False),
        sa.Column("others_for", sa.Integer(), nullable=False),
        sa.Column("others_against", sa.Integer(), nullable=False),
        sa.Column("earlier", sa.REAL(), nullable=False),
        sa.Column("earlier_asserted", sa.Boolean(), nullable=True),
        sa.Column("earlier_ecg_id", sa.Uuid(), nullable=True),
        sa.Column("decision", sa.String(), nullable=True),
        sa.CheckConstraint("rank > 0 AND label_rank > 0", name=op.f("ck_over_read_flags_ranks")),
        sa.CheckConstraint("evidence BETWEEN 0 AND 1", name=op.f("ck_over_read_flags_evidence")),
        sa.CheckConstraint(DECIDED, name=op.f("ck_over_read_flags_decision")),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["over_read_audits.id"], name=op.f("fk_over_read_flags_audit_id_over_read_audits")
        ),
        sa.ForeignKeyConstraint(["ecg_id"], ["ecgs.id"], name=op.f("fk_over_read_flags_ecg_id_ecgs")),
        sa.ForeignKeyConstraint(["report_id"], ["reports.id"], name=op.f("fk_over_read_flags_report_id_reports")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_over_read_flags")),
        sa.UniqueConstraint("audit_id", "rank", name=op.f("uq_over_read_flags_audit_id_rank")),
        sa.UniqueConstraint(
            "audit_id", "label", "label_rank", name=op.f("uq_over_read_flags_audit_id_label_label_rank")
        ),
    )
    op.create_index(op.f("ix_over_read_flags_ecg_id"), "over_read_flags", ["ecg_id"])
    op.create_index(op.f("ix_over_read_flags_report_id"), "over_read_flags", ["report_id"])
    op.create_index(
        "ix_over_read_flags_earlier",
        "over_read_flags",
        ["earlier_ecg_id"],
        postgresql_where=sa.text("earlier_ecg_id IS NOT NULL"),
    )
    op.create_table(
        "over_read_decisions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("flag_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="1 is the first"),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(DECIDED, name=op.f("ck_over_read_decisions_decision")),
        sa.CheckConstraint("number > 0", name=op.f("ck_over_read_decisions_number")),
        sa.ForeignKeyConstraint(
            ["flag_id"],
            ["over_read_flags.id"],
            name=op.f("fk_over_read_decisions_flag_id_over_read_flags"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_over_read_decisions")),
        sa.UniqueConstraint("flag_id", "number", name=op.f("uq_over_read_decisions_flag_id_number")),
    )
    op.create_table(
        "over_read_readers",
        sa.Column("audit_id", sa.Uuid(), nullable=False),
        sa.Column("reader", sa.String(), nullable=False),
        sa.Column("readings", sa.Integer(), nullable=False),
        sa.Column("flagged", sa.Integer(), nullable=False),
        sa.Column("expected", sa.Double(), nullable=False),
        sa.Column("ratio", sa.Double(), nullable=True),
        sa.Column("low", sa.Double(), nullable=True),
        sa.Column("high", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["over_read_audits.id"], name=op.f("fk_over_read_readers_audit_id_over_read_audits")
        ),
        sa.PrimaryKeyConstraint("audit_id", "reader", name=op.f("pk_over_read_readers")),
    )


def downgrade() -> None:
    for table in ("over_read_readers", "over_read_decisions", "over_read_flags", "over_read_audits"):
        op.drop_table(table)
