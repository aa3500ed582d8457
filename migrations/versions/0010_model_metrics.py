"""A model's macro figures stand beside its manifest: lists and predictions need not read the whole of it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_MACRO = """
    SELECT jsonb_object_agg(reading.key, (
        SELECT coalesce(jsonb_object_agg(figure.key, figure.value), '{}') FROM jsonb_each(reading.value) figure
        WHERE starts_with(figure.key, 'macro_')
    ))
    FROM jsonb_each(manifest -> 'metrics') reading WHERE jsonb_typeof(reading.value) = 'object'
"""


def upgrade() -> None:
    metrics = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())
    op.add_column("models", sa.Column("metrics", metrics, nullable=True))
    op.execute(f"UPDATE models SET metrics = coalesce(({_MACRO}), '{{}}')")  # noqa: S608
    op.alter_column("models", "metrics", existing_type=metrics, nullable=False)


def downgrade() -> None:
    op.drop_column("models", "metrics")
