"""Erasures: what keeps erased ECGs away, objects that are to be deleted, and which ECGs a dataset holds."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0025"
down_revision = "0022"
branch_labels = None
depends_on = None

_NOW = sa.text("now()")


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("ecgs", "reports", "texts", "predictions")),
        *(sa.Column(name, postgresql.ARRAY(sa.Uuid()), nullable=False) for name in ("datasets", "models")),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("lifted_by", sa.String(), nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("what IN ('ecg', 'patient')", name=op.f("ck_erasures_what")),
        sa.CheckConstraint("(lifted_by IS NULL) = (lifted_at IS NULL)", name=op.f("ck_erasures_lifted_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
    )
    op.create_index("ix_erasures_newest", "erasures", [sa.text("created_at DESC"), sa.text("id DESC")])
    op.create_table(
        "tombstones",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("erasure_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("length(hash) = 32", name=op.f("ck_tombstones_hash")),
        sa.ForeignKeyConstraint(["erasure_id"], ["erasures.id"], name=op.f("fk_tombstones_erasure_id_erasures")),
        sa.PrimaryKeyConstraint("hash", "erasure_id", name=op.f("pk_tombstones")),
    )
    op.create_index(op.f("ix_tombstones_erasure_id"), "tombstones", ["erasure_id"])
    op.create_table(
        "objects_to_delete",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("erasure_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["erasure_id"], ["erasures.id"], name=op.f("fk_objects_to_delete_erasure_id_erasures")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_objects_to_delete")),
    )
    op.create_index(op.f("ix_objects_to_delete_erasure_id"), "objects_to_delete", ["erasure_id"])
    op.create_table(
        "dataset_ecgs",
        sa.Column("ecg_id", sa.Uuid(), nullable=False),
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["dataset_id"], ["datasets.id"], name=op.f("fk_dataset_ecgs_dataset_id_datasets")),
        sa.PrimaryKeyConstraint("ecg_id", "dataset_id", name=op.f("pk_dataset_ecgs")),
    )
    _column("datasets", "holds_erased", sa.Integer(), "0", "ECGs of it that were erased since")
    _column("datasets", "ecgs_known", sa.Boolean(), "false", "whether `dataset_ecgs` has them")
    _column("models", "holds_erased", sa.Boolean(), "false", "whether an ECG that it was trained on was erased since")
    op.create_index(op.f("ix_labelings_text_id"), "labelings", ["text_id"])


def _column(table: str, name: str, kind: sa.types.TypeEngine, default: str, comment: str) -> None:
    op.add_column(table, sa.Column(name, kind, server_default=sa.text(default), nullable=False, comment=comment))


def downgrade() -> None:
    op.drop_index(op.f("ix_labelings_text_id"), "labelings")
    op.drop_column("models", "holds_erased")
    op.drop_column("datasets", "ecgs_known")
    op.drop_column("datasets", "holds_erased")
    for table in ("dataset_ecgs", "objects_to_delete", "tombstones", "erasures"):
        op.drop_table(table)
