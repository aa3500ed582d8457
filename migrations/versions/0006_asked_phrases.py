"""A prediction may be asked about any statements."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column(
        "phrases", sa.ARRAY(sa.Text()), server_default="{}", nullable=False, comment="statements asked about"
    )
    op.add_column("predictions", column)


def downgrade() -> None:
    op.drop_column("predictions", "phrases")
