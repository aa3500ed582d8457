"""Jobs that try a vocabulary on every pair."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _kinds("'dataset', 'train', 'evaluate', 'relabel', 'preview'")


def downgrade() -> None:
    op.execute("DELETE FROM job_events WHERE job_id IN (SELECT id FROM jobs WHERE kind = 'preview')")
    op.execute("DELETE FROM jobs WHERE kind = 'preview'")
    _kinds("'dataset', 'train', 'evaluate', 'relabel'")


def _kinds(kinds: str) -> None:
    op.drop_constraint(op.f("ck_jobs_kind"), "jobs", type_="check")
    op.create_check_constraint(op.f("ck_jobs_kind"), "jobs", f"kind IN ({kinds})")
