"""ECGs that are tried out and not kept: an UNLOGGED table."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0030"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "trials",
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("waveform", sa.LargeBinary(), nullable=False, comment="as `ml.formats.waveform` encodes it"),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), server_default="open", nullable=False),
        sa.Column("answer", JSONB(none_as_null=True), nullable=True),
        sa.Column("error", JSONB(none_as_null=True), nullable=True),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "attempts", sa.Integer(), server_default="0", nullable=False, comment="how many workers have claimed it"
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('open', 'claimed', 'answered', 'failed')", name=op.f("ck_trials_state")),
        sa.CheckConstraint("(state = 'answered') = (answer IS NOT NULL)", name=op.f("ck_trials_answer")),
        sa.CheckConstraint("(state = 'failed') = (error IS NOT NULL)", name=op.f("ck_trials_error")),
        sa.CheckConstraint(
            "(state = 'claimed') = (lease_expires_at IS NOT NULL)", name=op.f("ck_trials_lease_expires_at")
        ),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_trials_model_id_models")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trials")),
        prefixes=["UNLOGGED"],
    )
    op.create_index(
        "ix_trials_open", "trials", ["created_at"], postgresql_where=sa.text("state IN ('open', 'claimed')")
    )
    op.create_index(op.f("ix_trials_created_at"), "trials", ["created_at"])


def downgrade() -> None:
    op.drop_table("trials")
