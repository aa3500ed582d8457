"""Who read what; which key the patient hashes were made with; keys that end and say when they were last used."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "access_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", TIME, server_default=sa.func.now(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("operation", sa.String(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("ecg_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("ecgs", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("unrecorded", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_log")),
    )
    op.create_index("ix_access_log_at", "access_log", ["at"], postgresql_using="brin")
    op.create_index(op.f("ix_access_log_user_id_id"), "access_log", ["user_id", "id"])
    op.create_index("ix_access_log_ecg_ids", "access_log", ["ecg_ids"], postgresql_using="gin")

    op.create_table(
        "patient_key",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_patient_key_id")),
        sa.CheckConstraint("length(fingerprint) = 32", name=op.f("ck_patient_key_fingerprint")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient_key")),
    )
    op.create_index(
        "ix_audit_log_misses", "audit_log", ["actor", "at"], postgresql_where=sa.text("action = 'patient_miss'")
    )
    op.add_column("api_keys", sa.Column("expires_at", TIME, nullable=True))
    op.add_column("api_keys", sa.Column("last_used_at", TIME, nullable=True))


def downgrade() -> None:
    op.drop_column("api_keys", "last_used_at")
    op.drop_column("api_keys", "expires_at")
    op.drop_index("ix_audit_log_misses", "audit_log")
    op.drop_table("patient_key")
    op.drop_table("access_log")
