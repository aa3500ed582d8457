"""Imports of archives: the files that were read, and what was refused."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

FOLDER = "keyed hash of kind and folder"
CONTENTS = "of the files' contents one after the other"


def upgrade() -> None:
    op.create_table(
        "import_files",
        sa.Column("folder", sa.LargeBinary(), nullable=False, comment=FOLDER),
        sa.Column("path", sa.LargeBinary(), nullable=False, comment="keyed hash of the main file's path"),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="bytes of all files of the record"),
        sa.Column("modified_ns", sa.BigInteger(), nullable=False, comment="the newest time of change, since 1970"),
        sa.Column("sha256", sa.LargeBinary(), nullable=True, comment=CONTENTS),
        sa.Column("waveform_sha256", sa.String(), nullable=True),
        sa.Column("samples", sa.Integer(), nullable=True),
        sa.Column("sampling_rate_hz", sa.Float(), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("length(folder) = 32", name=op.f("ck_import_files_folder")),
        sa.CheckConstraint("length(path) = 32", name=op.f("ck_import_files_path")),
        sa.CheckConstraint("length(sha256) = 32", name=op.f("ck_import_files_sha256")),
        sa.CheckConstraint("length(waveform_sha256) = 64", name=op.f("ck_import_files_waveform_sha256")),
        sa.CheckConstraint(
            "num_nulls(waveform_sha256, samples, sampling_rate_hz) IN (0, 3)", name=op.f("ck_import_files_waveform")
        ),
        sa.PrimaryKeyConstraint("folder", "path", name=op.f("pk_import_files")),
    )
    op.create_index(op.f("ix_import_files_waveform_sha256"), "import_files", ["waveform_sha256"])
    op.create_table(
        "import_rejections",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("folder", sa.LargeBinary(), nullable=False, comment=FOLDER),
        sa.Column(
            "place_hash", sa.LargeBinary(), nullable=False, comment="keyed hash of the path, or of the row's place"
        ),
        sa.Column("place", sa.String(), nullable=False, comment="without what may say who somebody is"),
        sa.Column("sha256", sa.LargeBinary(), nullable=True, comment=CONTENTS),
        sa.Column("reasons", postgresql.JSONB(), nullable=False),
        sa.Column("first_seen", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("times", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint("length(folder) = 32", name=op.f("ck_import_rejections_folder")),
        sa.CheckConstraint("length(place_hash) = 32", name=op.f("ck_import_rejections_place_hash")),
        sa.CheckConstraint("length(sha256) = 32", name=op.f("ck_import_rejections_sha256")),
        sa.CheckConstraint("times > 0", name=op.f("ck_import_rejections_times")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_rejections")),
        sa.UniqueConstraint("folder", "place_hash", name=op.f("uq_import_rejections_folder_place_hash")),
    )
    op.create_index(
        "ix_import_rejections_newest", "import_rejections", [sa.text("first_seen DESC"), sa.text("id DESC")]
    )


def downgrade() -> None:
    op.drop_table("import_rejections")
    op.drop_table("import_files")
