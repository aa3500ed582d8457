"""Discrepancy models: what they learned from, and what they say of ECGs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_NOW = sa.text("now()")


def upgrade() -> None:
    op.create_table(
        "discrepancy_models",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("vocabulary_id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=True),
        sa.Column(
            "simulated",
            sa.Boolean(),
            nullable=False,
            comment="whether it learned from simulated ECGs, and is for these",
        ),
        sa.Column("summary", JSONB(none_as_null=True), nullable=False),
        sa.Column(
            "measured", JSONB(none_as_null=True), nullable=False, comment="its table: large, and seldom asked for"
        ),
        sa.Column(
            "holds_erased",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="ECGs of it that were erased since",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_discrepancy_models_job_id_jobs")),
        sa.ForeignKeyConstraint(
            ["vocabulary_id"], ["vocabularies.id"], name=op.f("fk_discrepancy_models_vocabulary_id_vocabularies")
        ),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_discrepancy_models_model_id_models")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_discrepancy_models")),
        sa.UniqueConstraint("job_id", name=op.f("uq_discrepancy_models_job_id")),
    )
    op.create_index(
        "ix_discrepancy_models_newest", "discrepancy_models", [sa.text("created_at DESC"), sa.text("id DESC")]
    )
    op.create_table(
        "discrepancy_model_ecgs",
        sa.Column("ecg_id", sa.Uuid(), nullable=False),
        sa.Column("discrepancy_model_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["discrepancy_model_id"],
            ["discrepancy_models.id"],
            name=op.f("fk_discrepancy_model_ecgs_discrepancy_model_id_discrepancy_models"),
        ),
        sa.PrimaryKeyConstraint("ecg_id", "discrepancy_model_id", name=op.f("pk_discrepancy_model_ecgs")),
    )
    op.create_table(
        "predicted_changes",
        sa.Column("discrepancy_model_id", sa.Uuid(), nullable=False),
        sa.Column("ecg_id", sa.Uuid(), nullable=False),
        sa.Column("machine_present", sa.BigInteger(), nullable=False),
        sa.Column("machine_uncertain", sa.BigInteger(), nullable=False),
        sa.Column("changes", postgresql.ARRAY(sa.REAL()), nullable=False),
        sa.Column("any_change", sa.REAL(), nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.ForeignKeyConstraint(
            ["discrepancy_model_id"],
            ["discrepancy_models.id"],
            name=op.f("fk_predicted_changes_discrepancy_model_id_discrepancy_models"),
        ),
        sa.ForeignKeyConstraint(["ecg_id"], ["ecgs.id"], name=op.f("fk_predicted_changes_ecg_id_ecgs")),
        sa.PrimaryKeyConstraint("discrepancy_model_id", "ecg_id", name=op.f("pk_predicted_changes")),
    )
    op.create_index(op.f("ix_predicted_changes_ecg_id"), "predicted_changes", ["ecg_id"])
    op.add_column(
        "erasures",
        sa.Column("discrepancy_models", postgresql.ARRAY(sa.Uuid()), server_default=sa.text("'{}'"), nullable=False),
    )


def downgrade() -> None:
    op.drop_column("erasures", "discrepancy_models")
    for table in ("predicted_changes", "discrepancy_model_ecgs", "discrepancy_models"):
        op.drop_table(table)
