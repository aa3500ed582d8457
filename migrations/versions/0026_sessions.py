"""Passwords of users, signed-in sessions, sign-in links, and tries of passwords."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_NOW = sa.text("now()")


def upgrade() -> None:
    op.add_column("users", sa.Column("password", sa.String(), nullable=True))
    op.add_column("users", sa.Column("password_set_at", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(op.f("ck_users_password"), "users", "password LIKE '$argon2id$%'")
    op.create_check_constraint(
        op.f("ck_users_password_set_at"), "users", "(password IS NULL) = (password_set_at IS NULL)"
    )
    op.create_table(
        "user_sessions",
        *_token_columns("user_sessions"),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("opened_by", "address", "browser")),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.CheckConstraint("opened_by IN ('password', 'link')", name=op.f("ck_user_sessions_opened_by")),
    )
    op.create_table("sign_in_links", *_token_columns("sign_in_links"))
    for table in ("user_sessions", "sign_in_links"):
        op.create_index(op.f(f"ix_{table}_user_id"), table, ["user_id"])
    op.create_table(
        "sign_in_tries",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("free_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(hash) = 32", name=op.f("ck_sign_in_tries_hash")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_sign_in_tries")),
    )
    op.create_index(op.f("ix_sign_in_tries_last_at"), "sign_in_tries", ["last_at"])


def _token_columns(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(sha256) = 32", name=op.f(f"ck_{table}_sha256")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f(f"fk_{table}_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("sha256", name=op.f(f"uq_{table}_sha256")),
    )


def downgrade() -> None:
    for table in ("sign_in_tries", "sign_in_links", "user_sessions"):
        op.drop_table(table)
    op.drop_constraint(op.f("ck_users_password_set_at"), "users")
    op.drop_constraint(op.f("ck_users_password"), "users")
    op.drop_column("users", "password_set_at")
    op.drop_column("users", "password")
