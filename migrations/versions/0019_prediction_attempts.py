"""A question counts the workers that have claimed it: one that ends its workers is failed, not claimed for ever."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "predictions",
        sa.Column(
            "attempts", sa.Integer(), server_default="0", nullable=False, comment="how many workers have claimed it"
        ),
    )


def downgrade() -> None:
    op.drop_column("predictions", "attempts")
