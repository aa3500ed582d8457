"""Reviews: lists of ECGs to be read, their items, readings, what was shown, and gold."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

TABLES = ("review_lists", "review_gold", "review_items", "review_readings", "review_shown", "review_versions")


def upgrade() -> None:
    op.create_table(
        "review_lists",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("rule", postgresql.JSONB(), nullable=False),
        sa.Column("filters", postgresql.JSONB(), nullable=False),
        sa.Column(
            "weights", postgresql.JSONB(), nullable=False, comment="what each label weighed when the ECGs were chosen"
        ),
        sa.Column("readings", sa.Integer(), nullable=False),
        sa.Column("repeat_share", sa.Double(), nullable=False),
        sa.Column("repeat_after_days", sa.Integer(), nullable=False),
        sa.Column("gold_share", sa.Double(), nullable=False),
        sa.Column("claim_minutes", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("mode IN ('blind', 'assisted')", name=op.f("ck_review_lists_mode")),
        sa.CheckConstraint("claim_minutes > 0", name=op.f("ck_review_lists_claim_minutes")),
        sa.CheckConstraint("readings IN (1, 2)", name=op.f("ck_review_lists_readings")),
        sa.CheckConstraint("repeat_after_days >= 0", name=op.f("ck_review_lists_repeat_after_days")),
        sa.CheckConstraint(
            "repeat_share BETWEEN 0 AND 1 AND gold_share BETWEEN 0 AND 1", name=op.f("ck_review_lists_shares")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_lists")),
    )
    op.create_index("ix_review_lists_newest", "review_lists", [sa.text("created_at DESC"), sa.text("id DESC")])
    op.create_table(
        "review_gold",
        sa.Column("ecg_id", sa.Uuid(), nullable=False),
        sa.Column("text_id", sa.BigInteger(), nullable=False),
        sa.Column("added_by", sa.String(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["ecg_id"], ["ecgs.id"], name=op.f("fk_review_gold_ecg_id_ecgs")),
        sa.ForeignKeyConstraint(["text_id"], ["texts.id"], name=op.f("fk_review_gold_text_id_texts")),
        sa.PrimaryKeyConstraint("ecg_id", name=op.f("pk_review_gold")),
    )
    op.create_index("ix_review_gold_newest", "review_gold", [sa.text("added_at DESC"), sa.text("ecg_id DESC")])
    op.create_index(op.f("ix_review_gold_text_id"), "review_gold", ["text_id"])
    op.create_table(
        "review_items",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("list_id", sa.Uuid(), nullable=False),
        sa.Column("ecg_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("blind", sa.Boolean(), nullable=False),
        sa.Column("for_user", sa.Uuid(), nullable=True),
        sa.Column("repeats", sa.Uuid(), nullable=True),
        sa.Column("state", sa.String(), server_default="open", nullable=False),
        sa.Column("claimed_by", sa.Uuid(), nullable=True),
        sa.Column("claim_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("(purpose = 'repeat') = (repeats IS NOT NULL)", name=op.f("ck_review_items_repeats")),
        sa.CheckConstraint("(state = 'open') = (claimed_by IS NULL)", name=op.f("ck_review_items_claimed_by")),
        sa.CheckConstraint(
            "(state IN ('claimed', 'locked')) = (claim_expires_at IS NOT NULL)",
            name=op.f("ck_review_items_claim_expires_at"),
        ),
        sa.CheckConstraint(
            "purpose IN ('read', 'second', 'repeat', 'gold', 'adjudicate')", name=op.f("ck_review_items_purpose")
        ),
        sa.CheckConstraint("state IN ('open', 'claimed', 'locked', 'signed')", name=op.f("ck_review_items_state")),
        sa.ForeignKeyConstraint(["claimed_by"], ["users.id"], name=op.f("fk_review_items_claimed_by_users")),
        sa.ForeignKeyConstraint(["ecg_id"], ["ecgs.id"], name=op.f("fk_review_items_ecg_id_ecgs")),
        sa.ForeignKeyConstraint(["for_user"], ["users.id"], name=op.f("fk_review_items_for_user_users")),
        sa.ForeignKeyConstraint(["list_id"], ["review_lists.id"], name=op.f("fk_review_items_list_id_review_lists")),
        sa.ForeignKeyConstraint(["repeats"], ["review_items.id"], name=op.f("fk_review_items_repeats_review_items")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_items")),
    )
    op.create_index(op.f("ix_review_items_ecg_id"), "review_items", ["ecg_id"])
    op.create_index(
        "ix_review_items_next",
        "review_items",
        ["list_id", "position", "purpose"],
        postgresql_where=sa.text("state <> 'signed'"),
    )
    op.create_index(
        "uq_review_items_held",
        "review_items",
        ["claimed_by"],
        unique=True,
        postgresql_where=sa.text("state IN ('claimed', 'locked')"),
    )
    op.create_index("uq_review_items_repeats", "review_items", ["repeats"], unique=True)
    op.create_index(
        "uq_review_items_wanted",
        "review_items",
        ["list_id", "ecg_id", "purpose"],
        unique=True,
        postgresql_where=sa.text("for_user IS NULL"),
    )
    op.create_table(
        "review_readings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column(
            "drafts",
            postgresql.JSONB(),
            server_default="[]",
            nullable=False,
            comment="newest first; none once it is signed",
        ),
        sa.Column("first_text_id", sa.BigInteger(), nullable=True),
        sa.Column("locked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("blinded", sa.Boolean(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "num_nulls(first_text_id, locked_at, blinded) IN (0, 3)", name=op.f("ck_review_readings_first")
        ),
        sa.ForeignKeyConstraint(["first_text_id"], ["texts.id"], name=op.f("fk_review_readings_first_text_id_texts")),
        sa.ForeignKeyConstraint(
            ["item_id"], ["review_items.id"], name=op.f("fk_review_readings_item_id_review_items"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_review_readings_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_readings")),
        sa.UniqueConstraint("item_id", "user_id", name=op.f("uq_review_readings_item_id_user_id")),
    )
    op.create_index(op.f("ix_review_readings_first_text_id"), "review_readings", ["first_text_id"])
    op.create_index(op.f("ix_review_readings_user_id"), "review_readings", ["user_id"])
    op.create_table(
        "review_shown",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "last_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="when it was last shown",
        ),
        sa.CheckConstraint("what IN ('machine', 'prediction', 'others')", name=op.f("ck_review_shown_what")),
        sa.ForeignKeyConstraint(
            ["item_id"], ["review_items.id"], name=op.f("fk_review_shown_item_id_review_items"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_review_shown_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_shown")),
        sa.UniqueConstraint("item_id", "user_id", "what", name=op.f("uq_review_shown_item_id_user_id_what")),
    )
    op.create_index(op.f("ix_review_shown_user_id"), "review_shown", ["user_id"])
    op.create_table(
        "review_versions",
        sa.Column("reading_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("text_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("report_id", sa.Uuid(), nullable=True, comment="null: a repeat or gold reading, which is no report"),
        sa.Column("signed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("version > 0", name=op.f("ck_review_versions_version")),
        sa.ForeignKeyConstraint(
            ["reading_id"],
            ["review_readings.id"],
            name=op.f("fk_review_versions_reading_id_review_readings"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["report_id"], ["reports.id"], name=op.f("fk_review_versions_report_id_reports")),
        sa.ForeignKeyConstraint(["text_id"], ["texts.id"], name=op.f("fk_review_versions_text_id_texts")),
        sa.PrimaryKeyConstraint("reading_id", "version", name=op.f("pk_review_versions")),
    )
    op.create_index(op.f("ix_review_versions_report_id"), "review_versions", ["report_id"])
    op.create_index(op.f("ix_review_versions_text_id"), "review_versions", ["text_id"])
    op.create_index(
        "ix_access_log_unnamed",
        "access_log",
        ["user_id", "at"],
        postgresql_where=sa.text("ecgs > cardinality(ecg_ids)"),
    )


def downgrade() -> None:
    op.drop_index("ix_access_log_unnamed", "access_log")
    for table in reversed(TABLES):
        op.drop_table(table)
