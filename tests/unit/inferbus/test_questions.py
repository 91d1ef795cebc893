"""The commands that ask storage, over a database file."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from bus.blobs import DirectoryBlobs
from bus.kafka import EMBEDDED
from bus.kafka.preflight.verdicts import Problem
from bus.records import Position
from bus.runtime.settings import Settings
from bus.runtime.settings_sections import KafkaSettings
from consumers.database import open_engine, upgrade
from consumers.storage.sinks.base import Arrived, Batch
from consumers.storage.sinks.sql import SqlSink
from inferbus.questions import open_bus
from inferbus.up_state import UpLock
from schemas.deadletter import DeadLetter
from schemas.event import EventError, InferenceEvent, Outcome, Quarantined
from tests.support.storage import an_event, an_offloaded_event
from tests.unit.inferbus.conftest import Ran

NOW = datetime.now(UTC)
LARGE = b'{"images": ["' + b"A" * 700_000 + b'"]}'
AWKWARD = b' {"text": "\\u0000 \xf0\x9f\x99\x82", "cost": 1e999}\n'
HOSTILE = "\x1b[31mred\x07\u202e"
HELD_BODY = b"not json \x1b[2J"
HELD = Quarantined(
    id="deepinfra:sha256-ff:quarantined",
    provider="deepinfra",
    reason="not-json",
    detail=HOSTILE,
    received_at=NOW,
    body_sha256=hashlib.sha256(HELD_BODY).hexdigest(),
    body_bytes=len(HELD_BODY),
    body=HELD_BODY,
)
PARKED = DeadLetter(
    consumer="storage",
    reason="unstorable",
    detail=HOSTILE,
    parked_at=NOW,
    topic="inference.failed",
    partition=1,
    offset=2,
    event_id="deepinfra:R8:failed",
    value_sha256="ab",
    key=b"R8",
    value=b"value \x1b[2J",
    headers=(("ce_id", b"deepinfra:R8:failed"),),
)
EVENTS: tuple[InferenceEvent, ...] = (
    an_event(
        "R1",
        body=AWKWARD,
        received_at=NOW,
        model="acme/large",
        cost_usd=Decimal("0.0001140000022132881"),
        labels={"team": "blue"},
    ),
    an_event("R2", Outcome.PROGRESS, word="running", received_at=NOW - timedelta(hours=1)),
    an_event(
        "R2",
        Outcome.FAILED,
        received_at=NOW - timedelta(hours=3),
        model=HOSTILE,
        error=EventError(message=HOSTILE),
    ),
    replace(an_offloaded_event("R3", LARGE), received_at=NOW - timedelta(hours=5)),
)

Cli = Callable[..., Ran]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database file with something of everything, made once."""
    file = tmp_path_factory.mktemp("stored") / "inferbus.db"
    upgrade(f"sqlite:///{file}")
    engine = open_engine(f"sqlite:///{file}")
    at = Position("inference.succeeded", 0, 0)
    batch = Batch([Arrived(event, at) for event in EVENTS], [Arrived(HELD, at)], [PARKED])
    SqlSink(engine).write(batch)
    engine.dispose()  # the last connection's end folds the write-ahead log into the file
    return file.read_bytes()


@pytest.fixture(autouse=True)
def stored(database: bytes, tmp_path: Path) -> Path:
    """Lay the file where the command line looks, with the large body beside it."""
    folder = tmp_path / ".inferbus"
    folder.mkdir()
    (folder / "inferbus.db").write_bytes(database)
    DirectoryBlobs(folder / "blobs").put(LARGE, hashlib.sha256(LARGE).hexdigest())
    return folder


def test_get_shows_how_a_job_stands(cli: Cli) -> None:
    """A failure is final, whatever came after it."""
    ran = cli("get", "R2", "--json")

    assert ran.status == 0
    assert [row["outcome"] for row in ran.rows] == ["failed"]


def test_get_shows_the_event_that_is_named(cli: Cli) -> None:
    """By outcome, or by the id in a receipt."""
    assert cli("get", "R2", "--outcome", "progress", "--json").rows[0]["provider_status"] == (
        "running"
    )
    assert cli("get", "deepinfra:R2:running", "--json").rows[0]["outcome"] == "progress"
    held = cli("get", "sha256-ff", "--outcome", "quarantined", "--json").rows[0]
    assert held["reason"] == "not-json"


def test_get_gives_money_as_exact_text(cli: Cli) -> None:
    """No float comes in between."""
    assert cli("get", "R1", "--json").rows[0]["cost_usd"] == "0.0001140000022132881"


@pytest.mark.parametrize(
    "args", [("nope",), ("R1", "--outcome", "failed"), ("nope", "--raw"), ("r1",)]
)
def test_an_unknown_id_is_one_line_and_status_1(cli: Cli, args: tuple[str, ...]) -> None:
    """Nothing on stdout, so that a pipe gets nothing."""
    ran = cli("get", *args)

    assert (ran.status, ran.out) == (1, "")
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize(("request_id", "body"), [("R1", AWKWARD), ("R3", LARGE)])
def test_raw_writes_the_exact_bytes_and_nothing_else(
    capfdbinary: pytest.CaptureFixture[bytes], request_id: str, body: bytes
) -> None:
    """White space, NUL escapes and bodies out of the blob store included."""
    from inferbus.cli import run

    assert run(["get", request_id, "--raw"]) == 0
    assert capfdbinary.readouterr().out == body


def test_a_lost_blob_is_one_line_and_status_1(cli: Cli, stored: Path) -> None:
    """It says which."""
    for blob in (stored / "blobs").rglob("*"):
        if blob.is_file():
            blob.unlink()

    ran = cli("get", "R3", "--raw")

    assert ran.status == 1
    assert "no blob" in ran.err
    assert len(ran.err.splitlines()) == 1


def test_list_is_newest_first_and_filtered(cli: Cli) -> None:
    """By outcome, model, time and number."""

    def ids(*args: str) -> list[str]:
        return [row["request_id"] for row in cli("list", "--json", *args).rows]

    assert ids()[0] == "R1"
    assert len(ids()) == 4
    assert ids("--outcome", "failed") == ["R2"]
    assert ids("--model", "acme/large") == ["R1"]
    assert ids("--since", "2h") == ["R1", "R2"]
    assert ids("--since", "2h", "--limit", "1") == ["R1"]


def test_stats_count_by_what_is_asked(cli: Cli) -> None:
    """Sums of money are exact text."""

    def groups(by: str) -> dict[str, int]:
        return {row["group"]: row["events"] for row in cli("stats", "--by", by, "--json").rows}

    assert groups("outcome") == {"succeeded": 2, "failed": 1, "progress": 1}
    assert groups("label:team") == {None: 3, "blue": 1}
    [everything] = cli("stats", "--json").rows
    assert everything["events"] == 4
    assert everything["cost_usd"] == "0.0001140000022132881"


@pytest.mark.parametrize(
    "args",
    [
        ("stats", "--by", "weather"),
        ("stats", "--since", "yesterday"),
        ("list", "--outcome", "nice"),
        ("list", "--since", "2026-11-24"),
        ("quarantine", "show"),
        ("quarantine", "replay"),
        ("deadletter", "replay", "--id", "a", "--all"),
        ("simulate",),
        ("simulate", "--url", "nothing"),
        ("simulate", "--rate", "0"),
        ("audit", "--wait", "long"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(cli: Cli, args: tuple[str, ...]) -> None:
    """It says what to write instead."""
    ran = cli(*args)

    assert (ran.status, ran.out) == (2, "")
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize(
    "args",
    [
        ("get", "R2"),
        ("list",),
        ("stats", "--by", "model"),
        ("quarantine", "list"),
        ("quarantine", "show", "--id", HELD.id),
        ("deadletter", "list"),
        ("deadletter", "show", "--id", "deepinfra:R8:failed"),
        ("get", "R2", "--json"),
        ("list", "--json"),
        ("quarantine", "list", "--json"),
        ("deadletter", "show", "--id", "deepinfra:R8:failed", "--json"),
    ],
)
def test_nothing_that_came_from_outside_steers_the_terminal(
    cli: Cli, args: tuple[str, ...]
) -> None:
    """Tables and JSON show it as escapes."""
    ran = cli(*args)

    assert ran.status == 0
    assert not {"\x1b", "\x07", "\u202e"} & set(ran.out + ran.err)
    assert "\\x1b" in ran.out or "\\u001b" in ran.out


@pytest.mark.parametrize(
    ("args", "body"),
    [
        (("quarantine", "show", "--id", HELD.id, "--raw"), HELD_BODY),
        (("deadletter", "show", "--id", "deepinfra:R8:failed", "--raw"), PARKED.value),
    ],
)
def test_raw_shows_what_was_held_or_parked(
    capfdbinary: pytest.CaptureFixture[bytes], args: tuple[str, ...], body: bytes
) -> None:
    """The exact bytes and nothing else."""
    from inferbus.cli import run

    assert run(args) == 0
    assert capfdbinary.readouterr().out == body


def test_a_replay_says_what_it_would_do_and_does_nothing(cli: Cli) -> None:
    """Without --yes no broker is needed, and nothing is marked."""
    would = cli("deadletter", "replay", "--all", "--json")

    assert would.status == 0
    assert would.rows[0]["result"] == "would be replayed"
    assert would.rows[0]["topics"] == ["inference.failed"]
    assert "--yes does it" in would.err
    assert cli("deadletter", "list", "--json").rows[0]["replayed_at"] is None


def test_the_list_of_parked_records_names_what_show_takes(cli: Cli) -> None:
    """In the table as well, which is what people read."""
    assert "deepinfra:R8:failed" in cli("deadletter", "list").out
    assert "id" not in cli("deadletter", "list", "--json").rows[0]


def test_whoever_lists_events_that_were_quarantined_is_shown_the_way(cli: Cli) -> None:
    ran = cli("list", "--outcome", "quarantined")

    assert ran.status == 0
    assert "`inferbus quarantine list`" in ran.err


def test_a_delivery_that_is_still_malformed_is_kept(cli: Cli) -> None:
    """It says so, and the exit status tells."""
    ran = cli("quarantine", "replay", "--reason", "not-json", "--json")

    assert ran.status == 1
    assert ran.rows[0]["result"] == "kept"
    assert ran.rows[0]["problem"].startswith("still not-json")


def test_nothing_to_replay_is_no_problem(cli: Cli) -> None:
    """A reason under which nothing lies."""
    ran = cli("quarantine", "replay", "--reason", "too-deep")

    assert (ran.status, ran.out, ran.err) == (0, "", "nothing to replay\n")


@pytest.mark.parametrize("group", ["quarantine", "deadletter"])
@pytest.mark.parametrize("action", ["show", "replay"])
def test_an_id_under_which_nothing_lies_is_status_1(cli: Cli, group: str, action: str) -> None:
    """One line says so."""
    ran = cli(group, action, "--id", "nope")

    assert (ran.status, ran.out) == (1, "")
    assert "under nope" in ran.err


def test_where_neither_an_up_nor_a_kafka_is_there_the_up_is_named_first(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever only knows `up` has no Kafka to start."""
    nobody = Problem("refused", "127.0.0.1:9092", "127.0.0.1:9092: connection refused")
    monkeypatch.setattr("bus.kafka.preflight.first_obstacle", lambda _settings: [nobody])

    for command in ("tail", "audit"):
        ran = cli(command)
        assert ran.status == 1
        assert "no `inferbus up` runs on .inferbus: start it, or 127.0.0.1:9092: conn" in ran.err


def test_without_a_database_nothing_is_made(cli: Cli, tmp_path: Path) -> None:
    """A mistyped directory is named, not filled."""
    ran = cli("list", "--data-dir", str(tmp_path / "typo"))

    assert ran.status == 1
    assert "nothing is stored at" in ran.err
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize(
    "args",
    [
        ["list", "--since", "yesterday"],
        ["stats", "--since", "yesterday"],
        ["stats", "--by", "colour"],
        ["quarantine", "list", "--since", "yesterday"],
        ["quarantine", "show"],
        ["quarantine", "replay"],
        ["deadletter", "list", "--since", "yesterday"],
        ["deadletter", "show"],
        ["deadletter", "replay"],
    ],
)
def test_wrong_usage_is_told_before_storage_is_asked(
    cli: Cli, tmp_path: Path, args: list[str]
) -> None:
    """Status 2 says that the command line has to change, whatever is stored."""
    ran = cli(*args, "--data-dir", str(tmp_path / "nothing"))

    assert (ran.status, ran.out) == (2, "")
    assert ran.err.count("\n") == 1


def test_json_is_one_object_a_line(cli: Cli) -> None:
    """And nothing else on stdout."""
    lines = cli("list", "--json").out.splitlines()

    assert [type(json.loads(line)) for line in lines] == [dict] * 4


@pytest.mark.parametrize(
    ("asked", "broker", "is_embedded"),
    [("127.0.0.1:1", 7, True), ("127.0.0.1:1", None, False), ("kafka:9092", 7, False)],
)
def test_an_embedded_broker_is_spoken_to_as_its_up_does(
    stored: Path, asked: str, broker: int | None, *, is_embedded: bool
) -> None:
    """It counts a batch as one record, so a replay must not send batches."""
    running = {"bootstrap_servers": "127.0.0.1:1", "pids": {"up": 6, "broker": broker}}
    (stored / "up.json").write_text(json.dumps(running))
    settings = Settings(data_dir=stored, kafka=KafkaSettings(bootstrap_servers=asked))

    with UpLock(stored):
        bus = open_bus(settings)

    assert (bus._tuning is EMBEDDED) == is_embedded
