"""Triage rules."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "triage_rules",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("discrepancy_model_id", sa.Uuid(), nullable=False),
        sa.Column("vocabulary_id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=True, comment="the model whose logits the discrepancy model reads"),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("max_missed_change", sa.Float(), nullable=False),
        sa.Column("level", sa.Float(), nullable=False),
        sa.Column("of", sa.String(), nullable=False),
        sa.Column("whole", JSONB(none_as_null=True), nullable=False, comment="what was found for the whole report"),
        sa.Column("labels", JSONB(none_as_null=True), nullable=False, comment="and for each label"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("\"of\" IN ('passed', 'all', 'changed')", name=op.f("ck_triage_rules_of")),
        sa.ForeignKeyConstraint(
            ["vocabulary_id"], ["vocabularies.id"], name=op.f("fk_triage_rules_vocabulary_id_vocabularies")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_triage_rules")),
    )
    op.create_index("ix_triage_rules_newest", "triage_rules", [sa.text("created_at DESC"), sa.text("id DESC")])


def downgrade() -> None:
    op.drop_table("triage_rules")
