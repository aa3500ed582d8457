"""The fold of an ECG, as its source gave it: datasets can be split by it."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    comment = "of a cross-validation, as its source gave it"
    op.add_column("ecgs", sa.Column("fold", sa.SmallInteger(), nullable=True, comment=comment))
    op.create_check_constraint(op.f("ck_ecgs_fold"), "ecgs", "fold BETWEEN 0 AND 999")
    op.create_index("ix_ecgs_fold", "ecgs", ["fold", "simulated"], postgresql_where=sa.text("fold IS NOT NULL"))


def downgrade() -> None:
    op.drop_column("ecgs", "fold")
