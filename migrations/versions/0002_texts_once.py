"""Texts are stored and labelled once; pairs stand in two slots, so that a vocabulary is switched at once."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_DIGEST = "sha256(convert_to(coalesce('t' || text, 'c' || codes::text), 'UTF8'))"
_JSON = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())


def upgrade() -> None:
    op.create_table(
        "texts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("text", sa.String(), nullable=True),
        sa.Column("codes", _JSON, nullable=True),
        sa.CheckConstraint("(text IS NULL) <> (codes IS NULL)", name=op.f("ck_texts_text_or_codes")),
        sa.CheckConstraint("length(sha256) = 32", name=op.f("ck_texts_sha256")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_texts")),
        sa.UniqueConstraint("sha256", name=op.f("uq_texts_sha256")),
    )
    op.execute(
        f"INSERT INTO texts (sha256, text, codes) SELECT DISTINCT ON (1) {_DIGEST}, text, codes FROM reports"  # noqa: S608
    )
    op.add_column("reports", sa.Column("text_id", sa.BigInteger(), nullable=True))
    op.execute(
        "UPDATE reports SET text_id = texts.id FROM texts WHERE texts.sha256 = "
        "sha256(convert_to(coalesce('t' || reports.text, 'c' || reports.codes::text), 'UTF8'))"
    )
    op.alter_column("reports", "text_id", nullable=False)
    op.create_foreign_key(op.f("fk_reports_text_id_texts"), "reports", "texts", ["text_id"], ["id"])
    op.create_index(op.f("ix_reports_text_id"), "reports", ["text_id"])

    op.create_table(
        "statements",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("normal", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statements")),
        sa.UniqueConstraint("normal", name=op.f("uq_statements_normal")),
    )
    op.rename_table("labelings", "labelings_by_report")
    op.create_table(
        "labelings",
        sa.Column("text_id", sa.BigInteger(), nullable=False),
        sa.Column("vocabulary_id", sa.Uuid(), nullable=False),
        sa.Column("present", sa.BigInteger(), nullable=False),
        sa.Column("uncertain", sa.BigInteger(), nullable=False),
        sa.Column("negated", sa.BigInteger(), nullable=False),
        sa.Column("historical", sa.BigInteger(), nullable=False),
        sa.Column("findings", _JSON, nullable=False),
        sa.Column("unmapped", postgresql.ARRAY(sa.BigInteger()), nullable=False, comment="ids of statements"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )
    op.execute(  # what had no finding was not kept before: it is counted again when a vocabulary is activated
        "INSERT INTO labelings SELECT DISTINCT ON (text_id, vocabulary_id) text_id, vocabulary_id, present, uncertain, "
        "negated, historical, findings, '{}', l.created_at FROM labelings_by_report l JOIN reports r ON r.id = report_id"
    )
    op.drop_table("labelings_by_report")
    op.create_primary_key(op.f("pk_labelings"), "labelings", ["vocabulary_id", "text_id"])
    op.create_foreign_key(op.f("fk_labelings_text_id_texts"), "labelings", "texts", ["text_id"], ["id"])
    op.create_foreign_key(
        op.f("fk_labelings_vocabulary_id_vocabularies"), "labelings", "vocabularies", ["vocabulary_id"], ["id"]
    )
    op.drop_column("reports", "text")
    op.drop_column("reports", "codes")

    op.add_column("vocabularies", sa.Column("state", sa.String(), server_default="inactive", nullable=False))
    op.add_column("vocabularies", sa.Column("slot", sa.SmallInteger(), nullable=True, comment="where its pairs stand"))
    op.execute("UPDATE vocabularies SET state = 'active', slot = 0 WHERE active")
    op.drop_index("uq_vocabularies_active", table_name="vocabularies")
    op.drop_column("vocabularies", "active")
    op.create_check_constraint(
        op.f("ck_vocabularies_state"), "vocabularies", "state IN ('inactive', 'activating', 'active')"
    )
    op.create_check_constraint(
        op.f("ck_vocabularies_slot"), "vocabularies", "(slot IN (0, 1)) AND (state = 'inactive') = (slot IS NULL)"
    )
    op.create_index("uq_vocabularies_slot", "vocabularies", ["slot"], unique=True)
    op.create_index(
        "uq_vocabularies_state",
        "vocabularies",
        ["state"],
        unique=True,
        postgresql_where=sa.text("state <> 'inactive'"),
    )

    _pairs("pairs_new", " PARTITION BY LIST (slot)")
    op.execute("CREATE TABLE pairs_0 PARTITION OF pairs_new FOR VALUES IN (0)")
    op.execute("CREATE TABLE pairs_1 PARTITION OF pairs_new FOR VALUES IN (1)")
    op.execute(
        "INSERT INTO pairs_new SELECT 0, ecg_id, cell_id, recorded_at, site, device, reader, sex, age FROM pairs"
    )
    op.drop_table("pairs")
    op.rename_table("pairs_new", "pairs")
    op.create_primary_key(op.f("pk_pairs"), "pairs", ["slot", "ecg_id"])
    op.create_foreign_key(op.f("fk_pairs_cell_id_cells"), "pairs", "cells", ["cell_id"], ["id"])
    op.create_foreign_key(op.f("fk_pairs_ecg_id_ecgs"), "pairs", "ecgs", ["ecg_id"], ["id"])
    op.create_index(op.f("ix_pairs_cell_id_ecg_id"), "pairs", ["cell_id", "ecg_id"])
    op.create_index(op.f("ix_pairs_recorded_at_cell_id"), "pairs", ["recorded_at", "cell_id"])

    _kinds("'dataset', 'train', 'evaluate', 'relabel'")


def downgrade() -> None:
    op.execute("DELETE FROM job_events WHERE job_id IN (SELECT id FROM jobs WHERE kind = 'relabel')")
    op.execute("DELETE FROM jobs WHERE kind = 'relabel'")
    _kinds("'dataset', 'train', 'evaluate'")

    _pairs("pairs_old", "")
    op.execute(
        "INSERT INTO pairs_old SELECT p.* FROM pairs p JOIN vocabularies v ON v.slot = p.slot WHERE v.state = 'active'"
    )
    op.drop_table("pairs")
    op.rename_table("pairs_old", "pairs")
    op.drop_column("pairs", "slot")
    op.create_primary_key(op.f("pk_pairs"), "pairs", ["ecg_id"])
    op.create_foreign_key(op.f("fk_pairs_cell_id_cells"), "pairs", "cells", ["cell_id"], ["id"])
    op.create_foreign_key(op.f("fk_pairs_ecg_id_ecgs"), "pairs", "ecgs", ["ecg_id"], ["id"])
    op.create_index(op.f("ix_pairs_cell_id_ecg_id"), "pairs", ["cell_id", "ecg_id"])
    op.create_index(op.f("ix_pairs_recorded_at_cell_id"), "pairs", ["recorded_at", "cell_id"])

    op.add_column("vocabularies", sa.Column("active", sa.Boolean(), server_default="false", nullable=False))
    op.execute("UPDATE vocabularies SET active = (state = 'active')")
    op.alter_column("vocabularies", "active", server_default=None)
    op.drop_index("uq_vocabularies_state", table_name="vocabularies")
    op.drop_index("uq_vocabularies_slot", table_name="vocabularies")
    op.drop_column("vocabularies", "slot")
    op.drop_column("vocabularies", "state")
    op.create_index(
        "uq_vocabularies_active", "vocabularies", ["active"], unique=True, postgresql_where=sa.text("active")
    )

    op.add_column("reports", sa.Column("text", sa.String(), nullable=True))
    op.add_column("reports", sa.Column("codes", _JSON, nullable=True))
    op.execute("UPDATE reports SET text = texts.text, codes = texts.codes FROM texts WHERE texts.id = text_id")
    op.create_check_constraint(op.f("ck_reports_text_or_codes"), "reports", "(text IS NULL) <> (codes IS NULL)")
    op.rename_table("labelings", "labelings_by_text")
    op.execute("ALTER TABLE labelings_by_text DROP CONSTRAINT pk_labelings")
    op.create_table(
        "labelings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("vocabulary_id", sa.Uuid(), nullable=False),
        sa.Column("present", sa.BigInteger(), nullable=False),
        sa.Column("uncertain", sa.BigInteger(), nullable=False),
        sa.Column("negated", sa.BigInteger(), nullable=False),
        sa.Column("historical", sa.BigInteger(), nullable=False),
        sa.Column("findings", _JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["report_id"], ["reports.id"], name=op.f("fk_labelings_report_id_reports")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_labelings")),
        sa.UniqueConstraint("report_id", "vocabulary_id", name=op.f("uq_labelings_report_id_vocabulary_id")),
    )
    op.execute(
        "INSERT INTO labelings SELECT gen_random_uuid(), r.id, vocabulary_id, present, uncertain, negated, historical, "
        "findings, l.created_at FROM labelings_by_text l JOIN reports r ON r.text_id = l.text_id"
    )
    op.drop_table("labelings_by_text")
    op.create_foreign_key(
        op.f("fk_labelings_vocabulary_id_vocabularies"), "labelings", "vocabularies", ["vocabulary_id"], ["id"]
    )
    op.create_index(op.f("ix_labelings_vocabulary_id"), "labelings", ["vocabulary_id"])
    op.drop_column("reports", "text_id")
    op.drop_table("statements")
    op.drop_table("texts")


def _pairs(name: str, ending: str) -> None:
    op.execute(
        f"CREATE TABLE {name} (slot smallint NOT NULL, ecg_id uuid NOT NULL, cell_id integer NOT NULL, "
        "recorded_at timestamptz, site varchar, device varchar, reader varchar NOT NULL, sex varchar NOT NULL, "
        f"age double precision){ending}"
    )


def _kinds(kinds: str) -> None:
    op.drop_constraint(op.f("ck_jobs_kind"), "jobs", type_="check")
    op.create_check_constraint(op.f("ck_jobs_kind"), "jobs", f"kind IN ({kinds})")
