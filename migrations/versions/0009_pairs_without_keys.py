"""Pairs refer to ECGs without a foreign key: to check one writes a lock into the ECG's row, for each pair made."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint(op.f("fk_pairs_ecg_id_ecgs"), "pairs", type_="foreignkey")


def downgrade() -> None:
    op.create_foreign_key(op.f("fk_pairs_ecg_id_ecgs"), "pairs", "ecgs", ["ecg_id"], ["id"])
