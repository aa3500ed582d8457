"""ECGs of which only reports are known, under their source's name; the adjudicated over-read."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_WAVEFORM = ("waveform_sha256", "samples", "sampling_rate_hz")


def upgrade() -> None:
    for column in _WAVEFORM:
        op.alter_column("ecgs", column, nullable=True)
    op.add_column("ecgs", sa.Column("record", sa.String(), nullable=True))
    op.create_unique_constraint(op.f("uq_ecgs_record"), "ecgs", ["record"])
    op.create_check_constraint(
        op.f("ck_ecgs_waveform"), "ecgs", "num_nulls(waveform_sha256, samples, sampling_rate_hz) IN (0, 3)"
    )
    op.create_check_constraint(op.f("ck_ecgs_known"), "ecgs", "num_nonnulls(waveform_sha256, record) > 0")
    op.create_check_constraint(op.f("ck_ecgs_record"), "ecgs", "length(record) BETWEEN 1 AND 200")

    op.add_column(
        "reports",
        sa.Column(
            "final",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="the adjudicated over-read: it counts whatever is written later",
        ),
    )
    op.create_check_constraint(op.f("ck_reports_final"), "reports", "NOT final OR source = 'overread'")
    op.drop_index("ix_reports_ecg_id", table_name="reports")  # the unique constraint begins with ecg_id


def downgrade() -> None:
    op.create_index(op.f("ix_reports_ecg_id"), "reports", ["ecg_id"])
    op.drop_constraint(op.f("ck_reports_final"), "reports", type_="check")
    op.drop_column("reports", "final")

    for table in ("pairs", "reports"):
        op.execute(
            f"DELETE FROM {table} WHERE ecg_id IN (SELECT id FROM ecgs WHERE waveform_sha256 IS NULL)"  # noqa: S608
        )
    op.execute("DELETE FROM ecgs WHERE waveform_sha256 IS NULL")
    for name in ("record", "known", "waveform"):
        op.drop_constraint(op.f(f"ck_ecgs_{name}"), "ecgs", type_="check")
    op.drop_constraint(op.f("uq_ecgs_record"), "ecgs", type_="unique")
    op.drop_column("ecgs", "record")
    for column in _WAVEFORM:
        op.alter_column("ecgs", column, nullable=False)
