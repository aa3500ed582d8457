"""Jobs that carry studies out."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _kinds("'dataset', 'train', 'evaluate', 'study', 'relabel', 'preview'")


def downgrade() -> None:
    op.execute("DELETE FROM job_events WHERE job_id IN (SELECT id FROM jobs WHERE kind = 'study')")
    op.execute("DELETE FROM jobs WHERE kind = 'study'")
    _kinds("'dataset', 'train', 'evaluate', 'relabel', 'preview'")


def _kinds(kinds: str) -> None:
    op.drop_constraint(op.f("ck_jobs_kind"), "jobs", type_="check")
    op.create_check_constraint(op.f("ck_jobs_kind"), "jobs", f"kind IN ({kinds})")
