"""A model may come with the release: no job trained it here, on no dataset of this database."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("models", "job_id", existing_type=sa.Uuid(), nullable=True)
    op.alter_column("models", "dataset_id", existing_type=sa.Uuid(), nullable=True)
    op.create_check_constraint(op.f("ck_models_trained_here"), "models", "(job_id IS NULL) = (dataset_id IS NULL)")


def downgrade() -> None:
    op.execute("DELETE FROM predictions WHERE model_id IN (SELECT id FROM models WHERE job_id IS NULL)")
    op.execute("DELETE FROM models WHERE job_id IS NULL")
    op.drop_constraint(op.f("ck_models_trained_here"), "models", type_="check")
    op.alter_column("models", "dataset_id", existing_type=sa.Uuid(), nullable=False)
    op.alter_column("models", "job_id", existing_type=sa.Uuid(), nullable=False)
