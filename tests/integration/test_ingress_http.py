"""The endpoint over real sockets: every answer, code and reason that is promised."""

import asyncio
import gzip
import re
import socket
from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp import ClientSession
from prometheus_client import REGISTRY
from yarl import URL

from bus.memory import MemoryBus
from bus.runtime.health import Health
from bus.runtime.settings import load_settings
from bus.topics import ensure_topics
from ingest.service import IngestService
from schemas.callback import mint, parse_keys
from schemas.topics import TopicNames
from tests.support.endpoint import BODY, KEYS, Endpoint, connect, count, raw_call


async def test_the_receipt(endpoint: Endpoint) -> None:
    """Status, durability, and where each event lies."""
    status, answer, headers = await endpoint.post()

    assert status == 200
    assert answer == {
        "status": "published",
        "durability": "kafka",
        "events": [
            {
                "event_id": "deepinfra:R1:succeeded",
                "outcome": "succeeded",
                "topic": "inference.succeeded",
                "partition": 0,
                "offset": 0,
            }
        ],
    }
    assert "Server" not in headers


async def test_a_trailing_slash_is_the_same_place(endpoint: Endpoint) -> None:
    """Never a redirect: senders take one for a failure."""
    status, answer, _ = await endpoint.send("POST", endpoint.url + "/", BODY, allow_redirects=False)

    assert (status, answer["status"]) == (200, "published")


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize(
    "path", ["/webhooks/deepinfra", "/webhooks/nobody/x", "/webhooks/deepinfra/"]
)
async def test_probes_are_answered_and_publish_nothing(
    endpoint: Endpoint, method: str, path: str
) -> None:
    """One sender is reported to probe before it posts."""
    status, _, _ = await endpoint.send(method, endpoint.service.url + path)

    assert status == 200
    assert endpoint.publisher.published == []
    assert endpoint.reports == []


async def test_strangers_all_get_the_same_answer(endpoint: Endpoint) -> None:
    """Known provider or not, no credential or a wrong one."""
    paths = ("deepinfra", "deepinfra/wrong", "nobody", "nobody/wrong", "deepinfra/k1.e30.AAAA")
    answers = [
        await endpoint.send("POST", f"{endpoint.service.url}/webhooks/{path}", BODY)
        for path in paths
    ]

    assert {(401, "unauthenticated")} == {(status, a["reason"]) for status, a, _ in answers}
    assert len({str(a) for _, a, _ in answers}) == 1


async def test_an_unknown_provider_is_told_apart_once_authenticated(endpoint: Endpoint) -> None:
    """The URL is authentic, the adapter is not there."""
    url = mint(endpoint.service.url, "nobody", parse_keys(KEYS)[0])

    status, answer, _ = await endpoint.send("POST", url, BODY)

    assert (status, answer["reason"]) == (404, "not-found")


@pytest.mark.parametrize("path", ["/", "/elsewhere", "/webhooks", "/webhooks/", "/webhooks/a/b/c"])
async def test_other_paths_are_not_found(endpoint: Endpoint, path: str) -> None:
    """In JSON too."""
    status, answer, _ = await endpoint.send("POST", endpoint.service.url + path, BODY)

    assert (status, answer["status"], answer["reason"]) == (404, "refused", "not-found")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_are_refused(endpoint: Endpoint, method: str) -> None:
    """With the methods that are allowed; whoever calls so is misconfigured, and is to be seen."""
    status, answer, headers = await endpoint.send(method, endpoint.url)

    assert (status, answer["reason"]) == (405, "method")
    assert "POST" in headers["Allow"]
    assert [(it.status, it.reason) for it in endpoint.reports] == [("refused", "method")]


async def test_what_cannot_be_understood_is_kept(endpoint: Endpoint) -> None:
    """202, never 4xx: a retry would not help."""
    status, answer, _ = await endpoint.post(b"[1]")

    assert (status, answer["status"], answer["reason"]) == (202, "quarantined", "not-object")
    assert answer["events"][0]["outcome"] == "quarantined"
    assert endpoint.publisher.published[0].value == b"[1]"


async def test_compressed_bodies_are_refused(endpoint: Endpoint) -> None:
    """A small one can unpack to gigabytes."""
    status, answer, _ = await endpoint.post(
        gzip.compress(BODY), headers={"Content-Encoding": "gzip"}
    )

    assert (status, answer["reason"]) == (415, "content-encoding")


@pytest.mark.parametrize("overrides", [{"max_body_bytes": 1024, "inline_limit_bytes": 1024}])
@pytest.mark.parametrize("is_chunked", [True, False])
async def test_a_body_over_the_limit_is_refused(endpoint: Endpoint, *, is_chunked: bool) -> None:
    """By its announced length, or where it passes the limit while streaming."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 512

    status, answer, _ = await endpoint.post(pieces() if is_chunked else b"x" * 1025)

    assert (status, answer["reason"]) == (413, "too-large")


async def test_a_chunked_body_is_taken(endpoint: Endpoint) -> None:
    """Some senders stream without a length."""

    async def pieces() -> AsyncIterator[bytes]:
        yield BODY[:10]
        yield BODY[10:]

    status, answer, _ = await endpoint.post(pieces())

    assert (status, answer["status"]) == (200, "published")


@pytest.mark.parametrize("overrides", [{"body_timeout_s": 0.1}])
async def test_a_body_that_does_not_arrive_is_refused(endpoint: Endpoint) -> None:
    """The rest of the body is not waited for."""
    answer = await raw(endpoint, b"Content-Length: 100\r\n\r\n{")

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"reason":"body-timeout"' in answer


async def test_a_post_without_length_is_refused(endpoint: Endpoint) -> None:
    """Neither Content-Length nor chunks: counted under the reason that its sender is told."""
    before = count("inferbus_refused_total", reason="too-large")

    answer = await raw(endpoint, b"\r\n")

    assert answer.startswith(b"HTTP/1.1 411 ")
    assert b'"reason":"too-large"' in answer
    assert count("inferbus_refused_total", reason="too-large") == before + 1


async def raw(endpoint: Endpoint, rest: bytes) -> bytes:
    """Send a request's head by hand and return what comes back."""
    return await raw_call(endpoint, _head(endpoint) + rest)


def _head(endpoint: Endpoint) -> bytes:
    path = endpoint.url.removeprefix(endpoint.service.url).encode()
    return b"POST %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" % path


@pytest.mark.parametrize(
    "call",
    [
        b"POST %b HTTP/9.x\r\nHost: x\r\n\r\n",
        b"POST %b HTTP/1.1\r\nHost: x\r\nBad\x01Header: y\r\n\r\n",
        b"POST %b" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01 no HTTP at all, %b\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_refused_and_quoted_nowhere(
    endpoint: Endpoint, call: bytes, json_logs: StringIO
) -> None:
    """The parser's message holds the line with the credential: it is not for the log."""
    received, answered = count("inferbus_deliveries_received_total"), _answered()
    path = endpoint.url.removeprefix(endpoint.service.url).encode()

    answer = await raw_call(endpoint, call % path)

    assert answer.split(b" ", 2)[1] == b"400"
    assert b'"reason":"malformed"' in answer
    assert b"Server:" not in answer
    credential = path.rsplit(b".", 1)[1]
    said = json_logs.getvalue()
    assert '"reason":"malformed"' in said
    assert credential not in answer + said.encode()
    assert "Traceback" not in said
    assert count("inferbus_deliveries_received_total") - received == 1
    assert _answered() - answered == 1


@pytest.mark.parametrize("path", [b"/webhooks/a%0Ab", b"/webhooks/deepinfra/a%2Fb"])
async def test_an_encoded_path_is_a_path_like_others(endpoint: Endpoint, path: bytes) -> None:
    """A line break or a slash, encoded, belongs to the provider or the credential."""
    answer = await raw_call(
        endpoint,
        b"POST %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" % path,
    )

    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b'"reason":"unauthenticated"' in answer


@pytest.mark.parametrize("overrides", [{"auth": "token", "tokens": "a:0123456789/bcdef+%"}])
async def test_a_token_may_hold_what_a_path_must_encode(endpoint: Endpoint) -> None:
    """It is taken apart before it is decoded."""
    url = f"{endpoint.service.url}/webhooks/deepinfra/{quote('0123456789/bcdef+%', safe='')}"

    status, answer, _ = await endpoint.send("POST", URL(url, encoded=True), BODY)

    assert (status, answer["status"]) == (200, "published")


async def test_a_second_content_encoding_is_seen(endpoint: Endpoint) -> None:
    """The header may stand twice; both count."""
    twice = b"Content-Encoding: identity\r\nContent-Encoding: gzip\r\n"

    answer = await raw(endpoint, twice + b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY))

    assert answer.startswith(b"HTTP/1.1 415 ")


async def test_a_stranger_is_not_invited_to_send_its_body(endpoint: Endpoint) -> None:
    """`100 Continue` comes after authentication, not before."""
    answer = await raw_call(
        endpoint,
        b"POST /webhooks/deepinfra/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Expect: 100-continue\r\nContent-Length: 10\r\n\r\n",
    )

    assert answer.startswith(b"HTTP/1.1 401 ")


async def test_a_sender_that_waits_is_invited(endpoint: Endpoint) -> None:
    """`curl` does so for bodies over a megabyte."""
    reader, writer = await connect(endpoint)
    rest = b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(BODY)
    writer.write(_head(endpoint) + rest)
    invitation = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    writer.write(BODY)
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()

    assert invitation.startswith(b"HTTP/1.1 100 ")
    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("overrides", [{"body_timeout_s": 5}])
async def test_what_has_begun_to_arrive_is_answered_before_the_stop(endpoint: Endpoint) -> None:
    """A deploy in the middle of an upload loses nothing and needs no retry."""
    reader, writer = await connect(endpoint)
    writer.write(_head(endpoint) + b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY[:9]))
    while count("inferbus_inflight") < 1:  # noqa: ASYNC110 - a metric has no event to wait for
        await asyncio.sleep(0.01)
    stopping = asyncio.create_task(endpoint.service.stop())
    await asyncio.sleep(0.05)
    writer.write(BODY[9:])
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await stopping

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"Connection: close" in answer


@pytest.mark.parametrize("turns", [2, 3, 4])
async def test_a_connection_that_was_taken_is_served(endpoint: Endpoint, turns: int) -> None:
    """However soon after it the listening ends: the loop takes it in the second turn."""
    url = URL(endpoint.url)
    call = f"POST {url.raw_path_qs} HTTP/1.1\r\nHost: h\r\nContent-Length: {len(BODY)}\r\n\r\n"
    # The kernel answers, for the loop stands still meanwhile.
    with socket.create_connection((url.host or "", url.port or 0)) as sender:
        sender.sendall(call.encode() + BODY)
        for _ in range(turns):
            await asyncio.sleep(0)
        await endpoint.service.stop_accepting()
        sender.setblocking(False)
        answer = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(sender, 999), 5)
    assert answer.startswith(b"HTTP/1.1 200")


async def test_a_sender_that_breaks_off_is_counted_as_refused(endpoint: Endpoint) -> None:
    """Half a body is no delivery, and nothing of it stays in flight."""
    _, writer = await connect(endpoint)
    writer.write(_head(endpoint) + b"Content-Length: 100\r\n\r\n{")
    while count("inferbus_inflight") < 1:  # noqa: ASYNC110 - a metric has no event to wait for
        await asyncio.sleep(0.01)
    writer.transport.abort()
    while not endpoint.reports:  # noqa: ASYNC110 - the report comes from a callback
        await asyncio.sleep(0.01)

    assert (endpoint.reports[0].status, endpoint.reports[0].reason) == ("refused", "disconnected")
    assert (count("inferbus_inflight"), count("inferbus_inflight_bytes")) == (0, 0)


async def test_a_stranger_makes_no_label(endpoint: Endpoint) -> None:
    """Nor does one that guesses a provider's name count as that provider."""
    before = count("inferbus_deliveries_total", provider="unknown", status="refused")

    for provider in ("deepinfra", "made-up"):
        await endpoint.send("POST", f"{endpoint.service.url}/webhooks/{provider}/x", BODY)

    assert [report.provider for report in endpoint.reports] == ["unknown", "unknown"]
    assert count("inferbus_deliveries_total", provider="unknown", status="refused") - before == 2
    assert (
        REGISTRY.get_sample_value(
            "inferbus_deliveries_total", {"provider": "made-up", "status": "refused"}
        )
        is None
    )


async def test_without_acknowledgement_the_spool_keeps_it(endpoint: Endpoint) -> None:
    """200 after the publish deadline, saying what guarantees it."""
    endpoint.publisher.gate.clear()

    status, answer, _ = await endpoint.post()

    assert (status, answer["status"], answer["durability"]) == (200, "spooled", "spool")
    assert answer["events"][0]["offset"] is None


@pytest.mark.parametrize("spool_mode", ["off"])
async def test_without_acknowledgement_and_spool_the_sender_keeps_it(endpoint: Endpoint) -> None:
    """503 with Retry-After after the publish deadline, never 2xx."""
    endpoint.publisher.gate.clear()

    status, answer, headers = await endpoint.post()

    assert (status, answer["reason"]) == (503, "not-durable")
    assert int(headers["Retry-After"]) > 0


@pytest.mark.parametrize("overrides", [{"max_inflight": 1, "publish_deadline_s": 5}])
async def test_too_many_at_once_are_refused(endpoint: Endpoint) -> None:
    """The one in flight is finished, the next is told to come again."""
    endpoint.publisher.gate.clear()
    first = asyncio.create_task(endpoint.post())
    while count("inferbus_inflight") < 1:  # noqa: ASYNC110 - a metric has no event to wait for
        await asyncio.sleep(0.01)
    status, answer, headers = await endpoint.post()
    endpoint.publisher.gate.set()

    assert (status, answer["reason"], "Retry-After" in headers) == (503, "overloaded", True)
    assert (await first)[0] == 200


@pytest.mark.parametrize("overrides", [{"publish_deadline_s": 5}])
async def test_a_sender_that_hangs_up_changes_nothing(endpoint: Endpoint) -> None:
    """Once read, a delivery is published and counted though nobody waits."""
    endpoint.publisher.gate.clear()
    impatient = asyncio.create_task(endpoint.post())
    while count("inferbus_inflight") < 1:  # noqa: ASYNC110 - a metric has no event to wait for
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    impatient.cancel()
    endpoint.publisher.gate.set()
    while not endpoint.reports:  # noqa: ASYNC110 - the report comes from a callback
        await asyncio.sleep(0.01)

    assert len(endpoint.publisher.published) == 1
    assert endpoint.reports[0].status == "published"


async def test_each_delivery_is_counted_once(endpoint: Endpoint) -> None:
    """Received equals the sum of the answers, whatever they were."""
    received = count("inferbus_deliveries_received_total")
    answered = _answered()
    await endpoint.post()
    await endpoint.post()
    await endpoint.post(b"x")
    await endpoint.send("POST", endpoint.service.url + "/webhooks/deepinfra/x", BODY)
    await endpoint.send("POST", endpoint.service.url + "/elsewhere", BODY)

    assert count("inferbus_deliveries_received_total") - received == 4
    assert _answered() - answered == 4
    assert count("inferbus_inflight") == 0
    assert count("inferbus_inflight_bytes") == 0


def _answered() -> float:
    statuses = ("published", "duplicate", "spooled", "quarantined", "refused")
    return sum(
        count("inferbus_deliveries_total", provider=provider, status=status)
        for provider in ("deepinfra", "unknown")
        for status in statuses
    )


async def test_the_credential_is_nowhere(endpoint: Endpoint, json_logs: StringIO) -> None:
    """Neither in the record nor in the log."""
    url = endpoint.url
    await endpoint.send("POST", url, BODY)

    mac = url.rsplit(".", 1)[1]
    record = endpoint.publisher.published[0]
    assert mac.encode() not in (record.value or b"") + repr(record.headers).encode()
    said = json_logs.getvalue()
    assert "delivery_answered" in said
    assert mac not in said


async def test_the_line_runs_on_the_bus(tmp_path: Path) -> None:
    """The twin of the bus behind the endpoint: the record lies where the receipt says."""
    bus = MemoryBus()
    settings = load_settings(data_dir=tmp_path, ingest={"port": 0, "signing_keys": KEYS})
    ensure_topics(bus.admin(), TopicNames(), settings.topics)
    publisher = bus.publisher("test")
    service = IngestService(settings, publisher, Health())
    await service.start()
    async with ClientSession() as session:
        url = mint(service.url, "deepinfra", parse_keys(KEYS)[0])
        async with session.post(url, data=BODY) as answer:
            receipt = (await answer.json())["events"][0]
    await service.stop()
    publisher.close()

    records = bus.read([receipt["topic"]]).poll(1)
    assert [(receipt["partition"], receipt["offset"])] == [
        (record.position.partition, record.position.offset) for record in records
    ]


async def test_calls_sent_at_once_are_answered_in_their_order(endpoint: Endpoint) -> None:
    """Also where some answers go out after the books and others have none to wait for."""
    path = endpoint.url.partition(endpoint.service.url)[2].encode()
    post = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (path, len(BODY), BODY)
    probe = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path
    last = b"PUT %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path
    reader, writer = await connect(endpoint)

    writer.write(post + probe + post + last)
    said = await asyncio.wait_for(reader.read(), 5)
    writer.close()

    answers = re.findall(rb'"status":"(\w+)"', said)
    assert answers == [b"published", b"ready", b"duplicate", b"refused"]
