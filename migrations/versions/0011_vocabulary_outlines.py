"""A vocabulary's languages and labels stand beside its file: a list need not read every file, nor be able to."""

from typing import Any

import sqlalchemy as sa
import yaml
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    outline = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())
    op.add_column("vocabularies", sa.Column("outline", outline, nullable=True))
    table = sa.table("vocabularies", sa.column("id", sa.Uuid), sa.column("yaml"), sa.column("outline", outline))
    connection = op.get_bind()
    for row in connection.execute(sa.select(table.c.id, table.c.yaml)).all():
        connection.execute(table.update().where(table.c.id == row.id).values(outline=_outline(row.yaml)))
    op.alter_column("vocabularies", "outline", existing_type=outline, nullable=False)


def downgrade() -> None:
    op.drop_column("vocabularies", "outline")


def _outline(text: str) -> dict[str, Any]:
    file = yaml.safe_load(text)  # it was valid when it was stored, by the rules of then
    if not isinstance(file, dict):
        return {"languages": [], "labels": []}
    labels = [{"key": label["key"], "name": label["name"]} for label in file["labels"]]
    return {"languages": file["languages"], "labels": labels}
