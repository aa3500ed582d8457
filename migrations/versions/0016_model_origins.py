"""A model says where it came from: trained here, shipped with a release, or uploaded as a bundle."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

COMMENT = "trained here, shipped with a release, or uploaded as a bundle"


def upgrade() -> None:
    op.add_column("models", sa.Column("origin", sa.String(), nullable=True, comment=COMMENT))
    op.execute("UPDATE models SET origin = CASE WHEN job_id IS NULL THEN 'shipped' ELSE 'trained' END")
    op.alter_column("models", "origin", existing_type=sa.String(), existing_comment=COMMENT, nullable=False)
    op.create_check_constraint(op.f("ck_models_origin"), "models", "origin IN ('trained', 'shipped', 'uploaded')")
    op.create_check_constraint(op.f("ck_models_job_of_origin"), "models", "(origin = 'trained') = (job_id IS NOT NULL)")
    op.create_index(op.f("ix_models_weights_sha256"), "models", ["weights_sha256"])


def downgrade() -> None:
    op.execute(
        "DELETE FROM predictions USING models WHERE models.id = predictions.model_id AND models.origin = 'uploaded'"
    )
    op.execute("DELETE FROM models WHERE origin = 'uploaded'")
    op.drop_index(op.f("ix_models_weights_sha256"), "models")
    op.drop_constraint(op.f("ck_models_job_of_origin"), "models", type_="check")
    op.drop_constraint(op.f("ck_models_origin"), "models", type_="check")
    op.drop_column("models", "origin")
