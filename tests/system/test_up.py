"""
`inferbus up` as a newcomer meets it: one command, one URL, one curl.

Black box: the installed program, HTTP, Kafka and its own commands; nothing of ours is imported.
"""

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import MemberToRemove

pytestmark = [pytest.mark.system, pytest.mark.embedded]

INFERBUS = str(Path(sys.executable).with_name("inferbus"))
UP = (INFERBUS, "up", "--port", "0", "--admin-port", "0")
# Generous: two shared cores may be busy with other tests.
PATIENCE_S = 60.0


@dataclass
class Up:
    """A running `inferbus up --json`."""

    process: subprocess.Popen[str]
    content: dict[str, Any]
    data_dir: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def log(self) -> list[dict[str, Any]]:
        """What it has logged so far."""
        lines = (self.data_dir / "stderr").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def stop(self) -> int:
        """End it as a supervisor does; return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)


@dataclass
class Answer:
    """What the endpoint answered."""

    status: int
    body: bytes

    @property
    def receipt(self) -> dict[str, Any]:
        """The answer's JSON object."""
        decoded: dict[str, Any] = json.loads(self.body)
        return decoded


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INFERBUS_")}
    return kept | {"INFERBUS_SECRETS_DIR": "/nonexistent", "NO_COLOR": "1"}


@contextlib.contextmanager
def running(data_dir: Path, *options: str, **settings: str) -> Iterator[Up]:
    data_dir.mkdir(exist_ok=True)
    with (data_dir / "stderr").open("a") as stderr:
        process = subprocess.Popen(
            [*UP, "--json", "--data-dir", str(data_dir), *options],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            cwd=data_dir,
            env=environment() | settings,
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (data_dir / "stderr").read_text()
        yield Up(process, json.loads(line), data_dir, settings)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running(tmp_path_factory.mktemp("up")) as up:
        yield up


def inferbus(up: Up, *args: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [INFERBUS, *args, "--data-dir", str(up.data_dir)],
        capture_output=True,
        check=False,
        timeout=PATIENCE_S,
        env=environment() | up.settings,
        cwd=up.data_dir,
    )


def call(url: str, body: bytes | None = None, method: str | None = None) -> Answer:
    request = urllib.request.Request(url, body, method=method)  # noqa: S310 - the URL is ours
    request.add_header("Content-Type", "application/json")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as answer:
            return Answer(answer.status, answer.read())
    except urllib.error.HTTPError as answer:
        return Answer(answer.code, answer.read())


def eventually(ask: Callable[[], Any]) -> Any:
    """Return the first true answer; storage and alerting follow Kafka with a small delay."""
    ends_at = time.monotonic() + PATIENCE_S
    while not (answer := ask()):
        assert time.monotonic() < ends_at, "gave up waiting"
        time.sleep(0.1)
    return answer


def get_json(up: Up, request_id: str) -> dict[str, Any]:
    def ask() -> dict[str, Any] | None:
        done = inferbus(up, "get", request_id, "--json")
        return json.loads(done.stdout) if done.returncode == 0 else None

    row: dict[str, Any] = eventually(ask)
    return row


def succeeded(request_id: str, **members: Any) -> bytes:
    status = {"status": "succeeded", "runtime_ms": 243, "cost": 0.0001140000022132881}
    body = {"request_id": request_id, "inference_status": status, **members}
    return json.dumps(body, indent=2).encode() + b"\n"


def record_at(up: Up, entry: dict[str, Any]) -> Any:
    consumer = KafkaConsumer(bootstrap_servers=up.content["bootstrap_servers"])
    try:
        place = TopicPartition(entry["topic"], entry["partition"])
        consumer.assign([place])
        consumer.seek(place, entry["offset"])
        return eventually(lambda: consumer.poll(1000).get(place))[0]
    finally:
        consumer.close()


def test_it_says_where_everything_is(up: Up) -> None:
    """The one line on standard output is what other commands find in up.json."""
    written = up.data_dir / "up.json"

    assert json.loads(written.read_text()) == up.content
    assert written.stat().st_mode & 0o777 == 0o600
    assert (up.data_dir / "signing.key").stat().st_mode & 0o777 == 0o600
    assert up.content["pids"]["up"] == up.process.pid
    assert up.content["webhook_url"].startswith(up.content["webhook_base_url"] + "/webhooks/")


def test_a_result_is_on_kafka_and_in_storage(up: Up) -> None:
    """Posted once with the printed URL: receipt, record at its position, row, exact bytes."""
    body = succeeded("Rsystem000000000000000a", results=[{"generated_text": "naïve \u2028"}])

    answer = call(up.content["webhook_url"], body)

    assert answer.status == 200, answer.body
    (entry,) = answer.receipt["events"]
    assert entry["event_id"] == "deepinfra:Rsystem000000000000000a:succeeded"
    assert entry["topic"] == "inference.succeeded"
    record = record_at(up, entry)
    assert record.key == b"Rsystem000000000000000a"
    assert record.value[-1 - len(body) : -1] == body
    assert dict(record.headers)["ce_id"].decode() == entry["event_id"]
    row = get_json(up, "Rsystem000000000000000a")
    assert row["outcome"] == "succeeded"
    assert row["cost_usd"] == "0.0001140000022132881"
    assert inferbus(up, "get", "Rsystem000000000000000a", "--raw").stdout == body


def test_a_large_image_comes_back_byte_for_byte(up: Up) -> None:
    """Above the inline limit the record carries a reference, the bytes are the same."""
    image = "data:image/png;base64," + base64.b64encode(os.urandom(1_500_000)).decode()
    body = succeeded("Rsystem000000000000000b", images=[image])

    answer = call(up.content["webhook_url"], body)

    assert answer.status == 200, answer.body
    record = record_at(up, answer.receipt["events"][0])
    assert len(record.value) < 100_000
    assert json.loads(record.value)["payload_ref"]["bytes"] == len(body)
    assert get_json(up, "Rsystem000000000000000b")["body_bytes"] == len(body)
    assert inferbus(up, "get", "Rsystem000000000000000b", "--raw").stdout == body


def test_a_failure_is_told(up: Up) -> None:
    """It lands on the topic of failures and raises an alert."""
    status = {"status": "failed", "runtime_ms": 0, "cost": 0.0}
    body = {"request_id": "Rsystem000000000000000c", "inference_status": status}

    answer = call(up.content["webhook_url"], json.dumps(body).encode())

    assert answer.receipt["events"][0]["topic"] == "inference.failed"
    assert get_json(up, "Rsystem000000000000000c")["outcome"] == "failed"
    eventually(lambda: any("alert" in line["event"] for line in up.log))


def test_what_is_not_understood_is_kept(up: Up) -> None:
    answer = call(up.content["webhook_url"], b"not json \xff")

    assert answer.status == 202
    assert answer.receipt["status"] == "quarantined"
    assert answer.receipt["events"][0]["topic"] == "inference.quarantine"


def test_a_repeat_changes_nothing(up: Up) -> None:
    body = succeeded("Rsystem000000000000000d")

    answers = [call(up.content["webhook_url"], body) for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 200]
    get_json(up, "Rsystem000000000000000d")
    listed = inferbus(up, "list", "--json", "--limit", "1000").stdout.decode().splitlines()
    ids = [json.loads(line)["event_id"] for line in listed]
    assert ids.count("deepinfra:Rsystem000000000000000d:succeeded") == 1


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_probe_is_welcome(up: Up, method: str) -> None:
    """Providers look whether the URL answers before they use it."""
    assert call(up.content["webhook_url"], method=method).status == 200


def test_a_wrong_credential_is_refused(up: Up) -> None:
    url = up.content["webhook_url"]
    forged = url[:-1] + ("A" if url[-1] != "A" else "B")

    answer = call(forged, succeeded("Rsystem000000000000000e"))

    assert answer.status == 401
    assert answer.receipt == {
        "status": "refused",
        "reason": "unauthenticated",
        "detail": answer.receipt["detail"],
    }


def test_it_is_ready_and_says_so(up: Up) -> None:
    asked = inferbus(up, "health", "--json")

    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout)["status"] == "ready"
    assert call(up.content["admin_url"] + "/livez").status == 200
    assert b"inferbus_deliveries_total" in call(up.content["admin_url"] + "/metrics").body


def test_its_ground_is_as_it_should_be(up: Up) -> None:
    for command in (("topics", "check"), ("db", "check")):
        done = inferbus(up, *command)
        assert done.returncode == 0, done.stderr


def test_a_minted_url_posts_with_its_labels(up: Up) -> None:
    minted = inferbus(
        up, "url", "mint", "--provider", "deepinfra", "--model", "m/x", "--label", "team=a"
    )

    answer = call(minted.stdout.decode().strip(), succeeded("Rsystem000000000000000f"))

    assert answer.status == 200
    row = get_json(up, "Rsystem000000000000000f")
    assert row["model"] == "m/x"
    assert row["labels"] == {"team": "a"}


def test_a_second_one_on_the_same_directory_exits_1(up: Up) -> None:
    second = inferbus(up, "up", "--json", "--port", "0", "--admin-port", "0")

    assert second.returncode == 1
    assert second.stdout == b""
    assert second.stderr.count(b"\n") == 1


def test_a_taken_port_exits_1_with_one_line(up: Up, tmp_path: Path) -> None:
    port = up.content["webhook_base_url"].rpartition(":")[2]

    second = subprocess.run(
        [INFERBUS, "up", "--port", port, "--data-dir", str(tmp_path)],
        capture_output=True,
        check=False,
        timeout=PATIENCE_S,
        env=environment(),
    )

    assert second.returncode == 1
    assert second.stderr.count(b"\n") == 1
    assert port.encode() in second.stderr


def test_an_unreachable_kafka_exits_1_with_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [*UP, "--bootstrap-servers", "127.0.0.1:1", "--data-dir", str(tmp_path)],
        capture_output=True,
        check=False,
        timeout=PATIENCE_S,
        env=environment(),
    )

    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1
    assert b"127.0.0.1:1" in done.stderr


def test_a_restart_keeps_what_was_stored(tmp_path: Path) -> None:
    """
    SIGTERM stores what was answered and exits 0; the next start knows it and takes more.

    The embedded broker is empty after a restart: its offsets begin anew.
    """
    body = succeeded("Rsystem000000000000000g")
    with running(tmp_path) as first:
        assert call(first.content["webhook_url"], body).status == 200
        assert first.stop() == 0
        assert not (tmp_path / "up.json").exists()
        assert inferbus(first, "get", "Rsystem000000000000000g", "--raw").stdout == body

    with running(tmp_path) as second:
        port = second.content["webhook_url"].split("/webhooks/")
        assert port[1] == first.content["webhook_url"].split("/webhooks/")[1]
        assert call(second.content["webhook_url"], body).status == 200
        assert call(second.content["webhook_url"], succeeded("Rsystem0000000000000h")).status == 200
        get_json(second, "Rsystem0000000000000h")
        listed = inferbus(second, "list", "--json").stdout.decode().splitlines()
        assert len(listed) == 2
        assert second.stop() == 0


def test_its_broker_ends_with_it(tmp_path: Path) -> None:
    """A killed `up` leaves no process behind."""
    with running(tmp_path) as up:
        broker = up.content["pids"]["broker"]
        os.kill(broker, 0)

        up.process.kill()
        up.process.wait()

        eventually(lambda: not is_alive(broker))


def test_a_dead_broker_is_replaced(tmp_path: Path) -> None:
    """What it held and nobody had stored is published again; deliveries go on meanwhile."""
    with running(tmp_path) as up:
        broker = up.content["pids"]["broker"]
        os.kill(broker, signal.SIGKILL)
        answer = call(up.content["webhook_url"], succeeded("RWhileItIsAway01"))
        assert (answer.status, answer.receipt["durability"]) == (200, "spool")

        eventually(lambda: other_broker(up, broker))
        eventually(lambda: inferbus(up, "get", "RWhileItIsAway01").returncode == 0)
        again = call(up.content["webhook_url"], succeeded("RAfterItWasAway1"))
        assert again.status == 200
        eventually(lambda: inferbus(up, "get", "RAfterItWasAway1").returncode == 0)
        assert up.stop() == 0


def other_broker(up: Up, than: int) -> bool:
    content = json.loads((up.data_dir / "up.json").read_bytes())
    return bool(content["pids"]["broker"] != than)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # nobody may be there to reap it


def expel_members(servers: str, *groups: str) -> None:
    """Let groups forget members that were killed; Kafka does it when their session ends."""
    admin = KafkaAdminClient(bootstrap_servers=servers)
    for group, described in admin.describe_groups(groups).items():
        members = [MemberToRemove(member["member_id"]) for member in described["members"]]
        admin.remove_group_members(group, members)
    admin.close()


@pytest.mark.kafka
@pytest.mark.timeout(600)
def test_on_a_kafka_of_ones_own_the_books_balance(
    real_kafka: str, database_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    """With either database, and once more after everything but Kafka and it was killed."""
    settings = {
        "INFERBUS_TOPICS__PREFIX": topic_prefix,
        "INFERBUS_KAFKA__GROUP_PREFIX": topic_prefix,
        "INFERBUS_STORAGE__URL": database_url,
    }
    given = ("--bootstrap-servers", real_kafka)
    play = ("simulate", "--count", "40", "--fail-ratio", "0.2", "--duplicates", "0.2")

    with running(tmp_path, *given, **settings) as first:
        assert first.content["bootstrap_servers"] == real_kafka
        assert inferbus(first, *play).returncode == 0
        first.process.kill()
        first.process.wait()
        expel_members(real_kafka, f"{topic_prefix}-storage", f"{topic_prefix}-alerting")

    with running(tmp_path, *given, **settings) as second:
        assert inferbus(second, *play).returncode == 0
        audited = inferbus(second, "audit", "--json")
        told = json.loads(audited.stdout)
        assert (audited.returncode, told["differences"]) == (0, []), audited.stderr
        assert told["rows"]["events"] == 80
        for command in (("topics", "check"), ("db", "check")):
            assert inferbus(second, *command).returncode == 0
        assert second.stop() == 0
