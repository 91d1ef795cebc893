"""What an audit says: a table for people, one object for programs."""

from typing import Any

from inferbus.audit.account import Account
from inferbus.audit.compare import Difference
from inferbus.audit.processes import Deliveries
from inferbus.audit.spools import SpoolContents


def summary(
    account: Account, processes: dict[str, Deliveries], spools: SpoolContents
) -> dict[str, Any]:
    """Return everything as one JSON-ready object; the differences come last."""
    check = account.check
    return {
        "is_balanced": is_balanced(account),
        "records": dict(sorted(check.records.items())),
        "balanced": check.balanced,
        "pruned": check.pruned,
        "behind": check.behind,
        "lag": account.lag,
        "rows": account.rows,
        "not_checkable": account.not_checkable,
        "blob_references": check.blobs,
        "spool": spools.as_json(),
        "processes": [_process(url, counted) for url, counted in processes.items()],
        "differing": dict(sorted(check.found.items())),
        "differences": [_difference(each) for each in check.differences],
    }


def is_balanced(account: Account) -> bool:
    """Tell whether every record is in the books and nothing else differs."""
    return not account.check.found and not account.check.behind


def table_rows(told: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of the closing table."""
    rows: list[tuple[str, Any]] = [
        *((f"records on {topic}", n) for topic, n in told["records"].items()),
        ("records in the books", told["balanced"]),
        ("records whose rows retention removed", told["pruned"]),
        ("records storage has not read yet", told["behind"]),
        *((f"rows in {table}", n) for table, n in told["rows"].items()),
        ("rows not checkable: not on Kafka any more", told["not_checkable"]),
        ("blob references followed", told["blob_references"]),
        ("spool entries that wait for Kafka", told["spool"]["waiting"]),
        ("spool entries that Kafka refused", told["spool"]["set_aside"]),
    ]
    for process in told["processes"]:
        rows += [
            ("deliveries received", process["received"]),
            ("deliveries answered", sum(process["answered"].values())),
            ("deliveries in flight", process["inflight"]),
        ]
    rows.append(("differences", sum(told["differing"].values())))
    return [{"what": what, "figure": figure} for what, figure in rows]


def verdict(told: dict[str, Any]) -> str:
    """Say in one line whether the books balance."""
    count = sum(told["differing"].values())
    if count:
        return f"the books differ in {count} places"
    if told["behind"]:
        return (
            f"nothing is missing so far, but storage has not read {told['behind']} records:"
            " is it running? Audit again once it has"
        )
    return "the books balance"


def _process(url: str, counted: Deliveries) -> dict[str, Any]:
    return {
        "url": url,
        "received": counted.received,
        "answered": dict(counted.answered),
        "inflight": counted.inflight,
    }


def _difference(found: Difference) -> dict[str, Any]:
    at = found.position
    return {
        "what": found.what,
        "event_id": found.event_id,
        "topic": at.topic if at else None,
        "partition": at.partition if at else None,
        "offset": at.offset if at else None,
        "detail": found.detail,
    }
