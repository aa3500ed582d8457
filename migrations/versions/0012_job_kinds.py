"""Which kinds of jobs and which queues there are is said in one place: the code's."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint(op.f("ck_jobs_kind"), "jobs", type_="check")
    op.drop_constraint(op.f("ck_jobs_queue"), "jobs", type_="check")


def downgrade() -> None:
    kinds = "'dataset', 'train', 'evaluate', 'study', 'relabel', 'preview'"
    op.execute(f"DELETE FROM job_events WHERE job_id IN (SELECT id FROM jobs WHERE kind NOT IN ({kinds}))")  # noqa: S608
    op.execute(f"DELETE FROM jobs WHERE kind NOT IN ({kinds})")  # noqa: S608
    op.create_check_constraint(op.f("ck_jobs_kind"), "jobs", f"kind IN ({kinds})")
    op.create_check_constraint(op.f("ck_jobs_queue"), "jobs", "queue IN ('cpu', 'train')")
