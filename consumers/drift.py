"""In what the tables differ from those that are declared, beyond what an upgrade would make."""

from collections.abc import Iterator, Mapping
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Index, Inspector, MetaData, Table, inspect

from consumers.columns import metadata


def drift(connection: Connection) -> Iterator[str]:
    """
    Yield what is missing or other than declared, a few words each.

    What someone added is drift only where it could refuse rows that we write: tables, plain
    indexes and columns that may stay empty are anyone's to add.
    """
    views = _views()
    inspector = inspect(connection)
    yield from _missing_columns(inspector, views)
    tables = set(inspector.get_table_names())
    for difference in _differences(connection):
        yield from _in_words(difference, tables)
    for table in metadata.sorted_tables:
        if table.name in tables:
            yield from _other_key(inspector, table)


def _views() -> MetaData:
    # The tables are declared on `metadata` when their modules are imported.
    import consumers.alerting.tables
    from consumers.storage.tables import views

    del consumers
    return views


def _missing_columns(inspector: Inspector, of: MetaData) -> Iterator[str]:
    """Look at views: Alembic does not."""
    there = set(inspector.get_view_names())
    for view in of.sorted_tables:
        if view.name not in there:
            yield f"view {view.name} is missing"
            continue
        columns = {column["name"] for column in inspector.get_columns(view.name)}
        for column in view.columns:
            if column.name not in columns:
                yield f"view {view.name} has no column {column.name}"


def _differences(connection: Connection) -> Iterator[tuple[Any, ...]]:
    options = {"compare_type": True, "include_name": _is_ours}
    context = MigrationContext.configure(connection, opts=options)
    for difference in compare_metadata(context, metadata):
        # Changes of one column come as a list of their own.
        yield from difference if isinstance(difference, list) else [difference]


def _is_ours(name: str | None, kind: str, _parents: Mapping[str, str | None]) -> bool:
    return kind != "table" or name in metadata.tables


def _in_words(difference: tuple[Any, ...], tables: set[str]) -> Iterator[str]:
    kind, *said = difference
    if kind == "add_table":
        yield f"table {said[0].name} is missing"
    elif kind == "add_index" and said[0].table.name in tables:
        yield f"index {said[0].name} on {said[0].table.name} is missing"
    elif kind == "add_fk":
        yield f"table {said[0].parent.name} has no foreign key {said[0].column_keys}"
    elif kind.startswith(("add_column", "modify_")):
        yield _of_column(kind, said)
    else:
        yield from _of_addition(kind, said)


def _of_column(kind: str, said: list[Any]) -> str:
    if kind == "add_column":
        return f"table {said[1]} has no column {said[2].name}"
    _schema, table, column, _rest, is_now, should_be = said
    if kind == "modify_type":
        return f"column {table}.{column} is {is_now}, not {should_be}"
    if kind == "modify_nullable":
        return f"column {table}.{column} {'may' if is_now else 'must not'} be NULL"
    return f"column {table}.{column} was changed"


def _of_addition(kind: str, said: list[Any]) -> Iterator[str]:
    """Tell of something added that may refuse our rows."""
    if kind == "remove_column" and not (said[2].nullable or said[2].server_default):
        yield f"column {said[1]}.{said[2].name} was added and must not be NULL"
    elif kind in ("remove_index", "remove_constraint", "remove_fk") and _refuses_rows(said[0]):
        yield f"{said[0].table.name} got a constraint of its own: {said[0].name}"


def _refuses_rows(thing: Any) -> bool:
    return not isinstance(thing, Index) or bool(thing.unique)


def _other_key(inspector: Inspector, table: Table) -> Iterator[str]:
    """Compare primary keys, which Alembic does not: without one, repeats would be stored."""
    there = inspector.get_pk_constraint(table.name)["constrained_columns"]
    wanted = [column.name for column in table.primary_key.columns]
    if list(there) != wanted:
        is_now, should_be = ", ".join(there), ", ".join(wanted)
        yield f"table {table.name} has the primary key ({is_now}), not ({should_be})"
