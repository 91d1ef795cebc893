"""
Ids of rows that retention has removed.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

from consumers.columns import Moment, PlainText

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, and the index by which old conflicts are found."""
    op.create_table(
        "seen",
        sa.Column("book", PlainText, primary_key=True),
        sa.Column("key", PlainText, primary_key=True),
        sa.Column("sha256", PlainText, nullable=False),
        sa.Column("pruned_before", Moment, nullable=False),
    )
    op.create_index("conflicts_by_time", "conflicts", ["received_at", "event_id"])
