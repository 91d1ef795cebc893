"""
The database that storage and alerting share: SQLite or PostgreSQL, by its SQLAlchemy URL.

Tables are declared on `metadata` and made by the revisions in `consumers/migrations`; only
`inferbus db upgrade` and `inferbus up` apply them.
"""

from consumers.columns import Labels, Moment, Money, PlainText, metadata, plain_text
from consumers.engines import error_line, open_engine, reading
from consumers.revisions import DatabaseError, check, upgrade

__all__ = [
    "DatabaseError",
    "Labels",
    "Moment",
    "Money",
    "PlainText",
    "check",
    "error_line",
    "metadata",
    "open_engine",
    "plain_text",
    "reading",
    "upgrade",
]
