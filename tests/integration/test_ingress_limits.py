"""What a hostile or broken sender can hold, how long, and what it learns: without any proxy."""

import asyncio
import contextlib
import json
import socket
import time
from io import StringIO
from typing import Any

import pytest

from ingest import server
from tests.support.endpoint import BODY, Endpoint, connect, count, raw_call

DROPPED = "inferbus_connections_dropped_total"


def head(endpoint: Endpoint, *lines: str, target: str | None = None) -> bytes:
    """Return a POST's head, with these header lines beside the usual ones."""
    target = target or endpoint.url.removeprefix(endpoint.service.url)
    all_lines = [f"POST {target} HTTP/1.1", "Host: x", "Connection: close", *lines]
    return "\r\n".join(all_lines).encode() + b"\r\n\r\n"


def whole(endpoint: Endpoint, *lines: str) -> bytes:
    """Return a delivery that is published, with these header lines beside the usual ones."""
    return head(endpoint, f"Content-Length: {len(BODY)}", *lines) + BODY


async def closed(reader: asyncio.StreamReader) -> bytes:
    """Return what is still said until the endpoint closes the connection."""
    with contextlib.suppress(ConnectionResetError):
        return await asyncio.wait_for(reader.read(), 10)
    return b""


@pytest.mark.parametrize("overrides", [{"head_timeout_s": 0.2}])
@pytest.mark.parametrize("begun", [b"", b"P", b"POST /webhooks/x HTTP/1.1\r\nHost: x\r\nA:"])
async def test_a_head_that_does_not_arrive_ends_the_connection(
    endpoint: Endpoint, begun: bytes
) -> None:
    """A silent connection, half a line, half a head."""
    before = count(DROPPED, reason="head-timeout")
    reader, writer = await connect(endpoint)
    writer.write(begun)

    assert await closed(reader) == b""
    assert count(DROPPED, reason="head-timeout") - before == 1
    assert count("inferbus_connections") == 0


@pytest.mark.parametrize("overrides", [{"head_timeout_s": 0.3}])
async def test_one_more_byte_wins_no_time(endpoint: Endpoint) -> None:
    """A head that trickles in ends like one that stopped."""
    reader, writer = await connect(endpoint)
    writer.write(b"POST /webhooks/x HTTP/1.1\r\nA: ")
    ends = asyncio.create_task(closed(reader))
    while not ends.done():
        writer.write(b"x")
        await asyncio.sleep(0.02)

    assert ends.result() == b""


@pytest.mark.parametrize("overrides", [{"head_timeout_s": 0.2}])
async def test_a_kept_connection_is_no_silent_one(endpoint: Endpoint) -> None:
    """Between two deliveries a sender may wait longer; a second head has its own deadline."""
    reader, writer = await connect(endpoint)
    for wait_s in (0.0, 0.6):
        await asyncio.sleep(wait_s)
        writer.write(whole(endpoint).replace(b"Connection: close\r\n", b""))
        answer = await asyncio.wait_for(reader.readuntil(b"}]}"), 5)
        assert answer.startswith(b"HTTP/1.1 200 ")
    writer.write(b"POST ")

    assert await closed(reader) == b""


@pytest.mark.parametrize("overrides", [{"head_timeout_s": 0.2, "publish_deadline_s": 5}])
async def test_the_deadline_of_the_head_does_not_end_the_work(endpoint: Endpoint) -> None:
    """Kafka may take longer than a sender may."""
    endpoint.publisher.gate.clear()
    answering = asyncio.create_task(raw_call(endpoint, whole(endpoint)))
    await asyncio.sleep(0.6)
    endpoint.publisher.gate.set()

    assert (await answering).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("overrides", [{"max_connections": 8}])
async def test_silent_connections_keep_nobody_out(endpoint: Endpoint) -> None:
    """One too many closes the oldest silent one, and honest senders are served."""
    before = count(DROPPED, reason="too-many")
    silent = [await connect(endpoint) for _ in range(20)]

    for _ in range(4):
        assert (await raw_call(endpoint, whole(endpoint))).startswith(b"HTTP/1.1 200 ")
    assert count("inferbus_connections") <= 8
    assert count(DROPPED, reason="too-many") - before >= 12
    assert await closed(silent[0][0]) == b""
    for _, writer in silent:
        writer.close()


@pytest.mark.parametrize("overrides", [{"max_connections": 2, "publish_deadline_s": 5}])
async def test_what_is_being_answered_is_not_dropped_for_another(endpoint: Endpoint) -> None:
    """Where all connections are at work, the newcomer goes."""
    endpoint.publisher.gate.clear()
    working = [asyncio.create_task(raw_call(endpoint, whole(endpoint))) for _ in range(2)]
    while count("inferbus_inflight") < 2:  # noqa: ASYNC110 - a metric has no event to wait for
        await asyncio.sleep(0.01)
    reader, writer = await connect(endpoint)
    newcomer = await closed(reader)
    writer.close()
    endpoint.publisher.gate.set()

    assert newcomer == b""
    assert [(await each)[:13] for each in working] == [b"HTTP/1.1 200 "] * 2


SMALL = {"max_inflight_bytes": 4096, "max_body_bytes": 4096, "inline_limit_bytes": 4096}


@pytest.mark.parametrize("overrides", [SMALL])
@pytest.mark.parametrize("how", ["announced", "streamed"])
async def test_bytes_in_flight_are_capped(endpoint: Endpoint, how: str) -> None:
    """By what a known sender announces, or by what arrives; the one in flight is finished."""
    reader, writer = await connect(endpoint)
    if how == "announced":
        writer.write(head(endpoint, "Content-Length: 4000"))
    else:
        chunk = b"fa0\r\n" + b" " * 4000 + b"\r\n"
        writer.write(head(endpoint, "Transfer-Encoding: chunked") + chunk)
    while count("inferbus_inflight_bytes") < 4000:  # noqa: ASYNC110 - no event to wait for
        await asyncio.sleep(0.01)

    answer = await raw_call(endpoint, head(endpoint, "Content-Length: 200"))
    rest = BODY + b" " * (4000 - len(BODY)) if how == "announced" else b"0\r\n\r\n"
    writer.write(rest)

    assert b'"reason":"overloaded"' in answer
    assert (await closed(reader)).startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 202 "))


STANDARD_WEBHOOKS = {
    "auth": "signed-url,standard-webhooks",
    "webhook_secrets": "replicate:whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    **SMALL,
}


@pytest.mark.parametrize("overrides", [STANDARD_WEBHOOKS])
async def test_a_stranger_s_announcement_takes_no_room(endpoint: Endpoint) -> None:
    """Who is only proved by its body could announce all the room there is, and send nothing."""
    signed = [f"webhook-timestamp: {int(time.time())}", "webhook-id: m", "webhook-signature: v1,x"]
    call = head(endpoint, "Content-Length: 4096", *signed, target="/webhooks/replicate")
    strangers = [await connect(endpoint) for _ in range(3)]
    for _, writer in strangers:
        writer.write(call)
    while count("inferbus_inflight") < 3:  # noqa: ASYNC110 - a metric has no event to wait for
        await asyncio.sleep(0.01)

    assert (await raw_call(endpoint, whole(endpoint))).startswith(b"HTTP/1.1 200 ")
    for _, writer in strangers:
        writer.close()


@pytest.mark.parametrize("many", [61, 62])
async def test_headers_are_at_most_64(endpoint: Endpoint, many: int) -> None:
    """Host, Connection and Content-Length are three of them."""
    answer = await raw_call(endpoint, whole(endpoint, *(f"X-{n}: y" for n in range(many))))

    assert answer.split(b" ")[1] == (b"200" if many == 61 else b"400")


@pytest.mark.parametrize(
    ("bytes_more", "status"), [(8000, b"200"), (9000, b"400")], ids=["fits", "too long"]
)
async def test_a_header_has_a_limit(endpoint: Endpoint, bytes_more: int, status: bytes) -> None:
    """Of 8 KiB."""
    answer = await raw_call(endpoint, whole(endpoint, "X: " + "y" * bytes_more))

    assert answer.split(b" ")[1] == status


@pytest.mark.parametrize(("bytes_more", "status"), [(3500, b"200"), (4096, b"400")])
async def test_the_first_line_has_a_limit(
    endpoint: Endpoint, bytes_more: int, status: bytes
) -> None:
    """Of 4 KiB: a callback URL has an eighth of that."""
    call = whole(endpoint).replace(b" HTTP/1.1", b"?" + b"q" * bytes_more + b" HTTP/1.1", 1)

    assert (await raw_call(endpoint, call)).split(b" ")[1] == status


@pytest.mark.parametrize(
    "rest",
    [
        b"zz\r\nabc",
        b"ffffffffffffffffffff\r\nabc",
        b"-1\r\nabc",
        b"2\r\n{}\r\n0\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"2\r\n{}\r\n0\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
    ],
    ids=["no number", "over 2^64", "negative", "500 trailers", "a long trailer"],
)
async def test_chunks_have_limits(endpoint: Endpoint, rest: bytes) -> None:
    """Their sizes are numbers that fit, and what follows the last one is as short as a head."""
    answer = await raw_call(endpoint, head(endpoint, "Transfer-Encoding: chunked") + rest)

    assert answer.split(b" ")[1] == b"400"
    assert [report.status for report in endpoint.reports] == ["refused"]


@pytest.mark.parametrize("overrides", [{"body_timeout_s": 0.3}])
@pytest.mark.parametrize("piece", [b"1\r\n \r\n", b"1;", b"a"], ids=["chunks", "begun", "nothing"])
async def test_a_body_that_trickles_in_wins_no_time(endpoint: Endpoint, piece: bytes) -> None:
    """The deadline is for the whole body, not for the next byte; an extension is no body."""
    reader, writer = await connect(endpoint)
    writer.write(head(endpoint, "Transfer-Encoding: chunked"))
    answering = asyncio.create_task(closed(reader))
    while not answering.done() and not endpoint.reports:
        writer.write(piece)
        await asyncio.sleep(0.02)
    writer.close()

    assert [report.reason for report in endpoint.reports] == ["body-timeout"]


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 2", "Transfer-Encoding: chunked"),
        ("Content-Length: 2", "Content-Length: 3"),
        ("Content-Length: +2",),
        ("Transfer-Encoding: chunked, identity", "Content-Length: 2"),
    ],
)
async def test_two_ways_to_tell_a_length_are_refused(
    endpoint: Endpoint, lines: tuple[str, ...]
) -> None:
    """A proxy and we might find two different ends, and the rest would be a request of its own."""
    answer = await raw_call(endpoint, head(endpoint, *lines) + b"{}")

    assert answer.split(b" ")[1] == b"400"


async def test_another_version_of_http_is_refused(endpoint: Endpoint) -> None:
    """The parser would take any number."""
    answer = await raw_call(endpoint, whole(endpoint).replace(b"HTTP/1.1", b"HTTP/2.0", 1))

    assert answer.split(b" ")[1] == b"400"
    assert b'"reason":"malformed"' in answer


async def test_a_call_without_a_target_is_refused(
    endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    """Aiohttp's parser takes it for HTTP/0.9, and aiohttp's request for a bug of its own."""
    answer = await raw_call(endpoint, b"CONNECT \r\n\r\n")

    assert answer.split(b" ")[1] == b"400"
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (b"\x16\x03\x01\x02\x00\x01", "BadHttpMethod"),
        (b"GET / HTTP/1.1\r\nA\x00: b", "BadHttpMessage"),
        (b"GET /" + b"X" * 9000, "LineTooLong"),
    ],
)
async def test_a_malformed_request_is_one_line_of_the_log(
    endpoint: Endpoint, call: bytes, error: str, json_logs: StringIO
) -> None:
    """It says what the parser missed, and not what was sent."""
    await raw_call(endpoint, call + b"\r\n\r\n")

    (line,) = [json.loads(line) for line in json_logs.getvalue().splitlines()]
    said = (line["event"], line["reason"], line["error"], line["http_status"])
    assert said == ("delivery_answered", "malformed", error, 400)


async def test_our_own_fault_is_never_the_sender_s(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, json_logs: StringIO
) -> None:
    """Whatever breaks in the endpoint is a 500 in JSON, and the next call is answered."""

    async def broken(*_: object) -> Any:
        raise RuntimeError("no such luck")

    with monkeypatch.context() as patch:
        patch.setattr(endpoint.service._handlers, "receive", broken)
        status, answer, headers = await endpoint.post()

    assert (status, answer["reason"], "Server" in headers) == (500, "internal", False)
    assert "no such luck" not in str(answer)
    assert "no such luck" in json_logs.getvalue()
    assert (await endpoint.post())[0] == 200


async def test_no_answer_names_what_runs_here(endpoint: Endpoint) -> None:
    """Neither by the header `Server` nor in a body."""
    calls = [
        whole(endpoint),
        head(endpoint, "Content-Length: 0", target="/webhooks/deepinfra/x"),
        head(endpoint, "Content-Length: 0", target="/"),
        head(endpoint, "Content-Length: 999999999"),
        head(endpoint, "Content-Encoding: gzip", "Content-Length: 2"),
        b"no HTTP\r\n\r\n",
    ]
    answers = [await raw_call(endpoint, call) for call in calls]

    assert [answer.split(b" ")[1] for answer in answers] == [
        *(b"200", b"401", b"404", b"413", b"415", b"400")
    ]
    for word in (b"server:", b"aiohttp", b"python"):
        assert word not in b"".join(answers).lower()


async def test_who_does_not_read_its_answers_is_cut_off(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it could hold connections and buffers for ever: the kernel ends them."""
    monkeypatch.setattr(server, "_UNREAD_MS", 500)
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.setblocking(False)
    host, port = endpoint.service.url.removeprefix("http://").split(":")
    loop = asyncio.get_running_loop()
    await loop.sock_connect(deaf, (host, int(port)))
    call = head(endpoint, "Content-Length: 0", target="/webhooks/deepinfra/x")
    many = call.replace(b"Connection: close\r\n", b"") * 1000
    with contextlib.suppress(ConnectionError):
        await asyncio.wait_for(_send_on(deaf, many), 60)
    while count("inferbus_connections"):  # noqa: ASYNC110 - a metric has no event to wait for
        await asyncio.sleep(0.05)
    deaf.close()

    assert (await endpoint.post())[0] == 200


async def _send_on(deaf: socket.socket, data: bytes) -> None:
    """Send without end and without reading."""
    while True:
        await asyncio.get_running_loop().sock_sendall(deaf, data)
