"""A labeling says whether the text reads the tracing, agrees with the machine, or says it cannot be read."""

from alembic import op

revision = "0014"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE labelings ADD COLUMN stance varchar DEFAULT 'read' NOT NULL")
    op.execute(
        "ALTER TABLE labelings ADD CONSTRAINT ck_labelings_stance CHECK (stance IN ('read', 'agrees', 'unreadable'))"
    )
    op.execute(
        "CREATE INDEX ix_labelings_unreadable ON labelings (vocabulary_id, text_id) WHERE stance::text = 'unreadable'"
    )


def downgrade() -> None:
    op.execute("DROP INDEX ix_labelings_unreadable")
    op.execute("ALTER TABLE labelings DROP COLUMN stance")
