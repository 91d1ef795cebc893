"""`inferbus audit`: check the books."""

import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from bus.blobs import open_blobs
from inferbus.audit.account import Account, Listener, Subject, take_account
from inferbus.audit.processes import Deliveries, read_metrics, unbalanced
from inferbus.audit.report import is_balanced, summary, table_rows, verdict
from inferbus.context import command_settings, read_up
from inferbus.errors import ProblemError
from inferbus.output import Column, emit, emit_json, progress, say
from inferbus.questions import open_bus, open_storage
from inferbus.times import parse_duration
from schemas.topics import TopicNames

if TYPE_CHECKING:
    from bus.runtime.settings import Settings

_TIMEOUT_S = 5.0
_DIFFERENCE_COLUMNS = ["what", "event_id", "topic", "partition", "offset", "detail"]


def run(*, wait: str = "30s", json: bool = False, data_dir: Path | None = None) -> int:
    """Compare and report; 1 where the books differ or storage has not read everything."""
    wait_s = 0.0 if wait in ("0", "0s") else parse_duration(wait).total_seconds()
    settings = command_settings(data_dir)
    account = _take_account(settings, wait_s)
    processes = _ask_processes(settings, account)
    told = summary(account, processes)
    if json:
        emit_json(told)
    else:
        if told["differences"]:
            emit(told["differences"], False, _DIFFERENCE_COLUMNS)
        emit(table_rows(told), False, ["what", Column("figure", justify="right")])
    say(verdict(told))
    return 0 if is_balanced(account) else 1


def _take_account(settings: "Settings", wait_s: float) -> Account:
    with open_storage(settings) as engine, progress() as bar:
        task = bar.add_task("records", total=None)
        subject = Subject(
            bus=open_bus(settings),
            engine=engine,
            has_blob=open_blobs(settings.blobs_url).has,
            names=TopicNames(settings.topics.prefix),
            group=f"{settings.kafka.group_prefix}-storage",
        )
        listener = Listener(
            total=lambda records: bar.update(task, total=records),
            advance=lambda records: bar.advance(task, records),
            note=say,
        )
        return take_account(subject, wait_s, listener)


def _ask_processes(settings: "Settings", account: Account) -> dict[str, Deliveries]:
    """Ask the running `up` how its deliveries add up; none is running where none is named."""
    url = read_up(settings.data_dir).get("admin_url")
    if not isinstance(url, str):
        return {}
    counted = _counted(f"{url}/metrics")
    if not counted.is_balanced:
        account.check.add(unbalanced(url, counted))
    return {url: counted}


def _counted(url: str) -> Deliveries:
    """Return the counters, asked for a second time where the first look caught them moving."""
    first = _scrape(url)
    if first.is_balanced:
        return first
    time.sleep(0.5)
    return _scrape(url)


def _scrape(url: str) -> Deliveries:
    # A proxy from the environment must not stand between this command and its own host.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=_TIMEOUT_S) as answer:
            return read_metrics(answer.read().decode())
    except (OSError, ValueError) as error:
        raise ProblemError(f"{url} gives no metrics: {error}; is `inferbus up` well?") from error
