"""Column types that hold the same value on SQLite and PostgreSQL."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy import (
    ARRAY,
    JSON,
    Column,
    ColumnElement,
    DateTime,
    Dialect,
    MetaData,
    Numeric,
    Text,
    any_,
    func,
    literal,
    select,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeDecorator, TypeEngine

from schemas.clock import rfc3339
from schemas.money import plain

metadata = MetaData()
"""Every table of every consumer."""

_REPLACEMENT = "\ufffd"  # U+FFFD REPLACEMENT CHARACTER


def plain_text(text: str) -> str:
    """
    Return the text as both databases can keep it.

    PostgreSQL's text cannot hold NUL, and no database's text can hold a lone surrogate; each
    becomes U+FFFD, on both engines alike.
    """
    if text.isascii() and "\x00" not in text:
        return text
    text = text.replace("\x00", _REPLACEMENT)
    # utf-16 joins two surrogates that belong together, which utf-8 would refuse one by one.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def plain_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Return labels as both databases can keep them."""
    return {plain_text(name): plain_text(text) for name, text in labels.items()}


def moment_text(moment: datetime) -> str:
    """
    Return a moment as SQLite keeps it: `2026-11-24T08:00:00.000000Z`.

    Refuses one without a time zone: nobody could say when it was.
    """
    return rfc3339(in_utc(moment))


def in_utc(moment: datetime) -> datetime:
    """Return the moment in UTC; refuses one without a time zone: nobody could say when it was."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def is_one_of(column: Column[Any], texts: Iterable[str], dialect: Dialect) -> ColumnElement[bool]:
    """
    Return the condition that a column is one of these plain texts, however many they are.

    They are one parameter: with one for each, reading the statement alone took 10 µs a text.
    """
    if dialect.name == "postgresql":
        return column == any_(literal(list(texts), ARRAY(Text)))
    listed = func.json_each(orjson.dumps(list(texts)).decode()).table_valued("value")
    return column.in_(select(listed.c.value))


class PlainText(TypeDecorator[str]):
    """Text, sorted by code point on both engines; what no text column can hold is replaced."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Compare by code point on PostgreSQL too, whatever the server's locale."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(Text(collation="C"))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Replace what cannot be kept."""
        del dialect
        return None if value is None else plain_text(value)


class Labels(TypeDecorator[Mapping[str, str]]):
    """A JSON object of texts; JSONB on PostgreSQL."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """JSONB, so that PostgreSQL's own tools can search it."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.JSONB())
        return dialect.type_descriptor(JSON())

    def process_bind_param(
        self, value: Mapping[str, str] | None, dialect: Dialect
    ) -> dict[str, str] | None:
        """Replace what cannot be kept."""
        del dialect
        return None if value is None else plain_labels(value)


class Money(TypeDecorator[Decimal]):
    """
    An exact amount: NUMERIC without limits on PostgreSQL, plain decimal text on SQLite.

    SQLite's own NUMERIC is a float. Its text can neither be summed nor sorted there: sum it
    with the function `exact_sum` that our SQLite connections have.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose by engine."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(Numeric())
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Decimal | str | None:
        """Write plain notation where the column is text."""
        if value is None or dialect.name == "postgresql":
            return value
        return plain(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Read the exact amount back."""
        del dialect
        return None if value is None else Decimal(value)


class Moment(TypeDecorator[datetime]):
    """
    A moment in UTC with microseconds, comparable and sortable.

    TIMESTAMPTZ on PostgreSQL; on SQLite text of fixed width, `2026-11-24T08:00:00.000000Z`.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose by engine."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | str | None:
        """Refuse a moment without a time zone."""
        if value is None:
            return None
        return in_utc(value) if dialect.name == "postgresql" else moment_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Read the moment back, in UTC."""
        del dialect
        if value is None:
            return None
        moment: datetime = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.astimezone(UTC)
