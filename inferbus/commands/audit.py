"""`inferbus audit`: check the books."""

import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bus.blobs import open_blobs
from inferbus.audit.account import Account, Listener, Subject, take_account
from inferbus.audit.processes import Deliveries, read_metrics, unbalanced
from inferbus.audit.report import is_balanced, summary, table_rows, verdict
from inferbus.audit.spools import spool_contents
from inferbus.context import command_settings, read_up
from inferbus.errors import ProblemError
from inferbus.output import Column, emit, emit_json, progress, say
from inferbus.questions import open_bus, open_storage
from inferbus.spool.folders import spool_folders
from inferbus.times import parse_duration
from inferbus.urls import check_admin_url, local_url, why_unanswered
from schemas.topics import TopicNames

if TYPE_CHECKING:
    from bus.runtime.settings import Settings

_TIMEOUT_S = 5.0
_DIFFERENCE_COLUMNS = ["what", "event_id", "topic", "partition", "offset", "detail"]


def run(
    *,
    wait: str = "30s",
    admin_urls: Sequence[str] = (),
    spools: Sequence[Path] = (),
    json: bool = False,
    data_dir: Path | None = None,
) -> int:
    """Compare and report; 1 where the books differ or storage has not read everything."""
    wait_s = 0.0 if wait in ("0", "0s") else parse_duration(wait).total_seconds()
    admin_urls = [check_admin_url(url) for url in admin_urls]
    settings = command_settings(data_dir)
    # First: an entry goes from the spool over Kafka to the tables.
    waiting = spool_contents(spool_folders(settings, spools))
    account = _take_account(settings, wait_s)
    for difference in waiting.damaged:
        account.check.add(difference)
    told = summary(account, _ask_processes(settings, account, admin_urls), waiting)
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


def _ask_processes(
    settings: "Settings", account: Account, urls: Sequence[str]
) -> dict[str, Deliveries]:
    """Ask the processes how their deliveries add up."""
    answers = {url: _counted(f"{url}/metrics") for url in urls} or _ask_ours(settings)
    for url, counted in answers.items():
        if not counted.is_balanced:
            account.check.add(unbalanced(url, counted))
    return answers


def _ask_ours(settings: "Settings") -> dict[str, Deliveries]:
    """Ask the running `up`, else the ingest that these settings describe, where one runs."""
    url = read_up(settings.data_dir).get("admin_url")
    if isinstance(url, str):
        return {url: _counted(f"{url}/metrics")}
    at = settings.ingest
    url = local_url(at.admin_host, at.admin_port)
    try:
        return {url: _counted(f"{url}/metrics")}
    except ProblemError:
        say(f"no ingest answers at {url}: its deliveries were not compared (--admin-url names it)")
        return {}


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
        reason = why_unanswered(error)
        raise ProblemError(f"{url} gives no metrics: {reason}; is the process well?") from error
