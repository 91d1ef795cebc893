"""What every notifier must do. A new notifier joins by its case in the fixture `case`."""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import pytest
from structlog.testing import capture_logs

from bus.errors import PublishTimeoutError, RecordRefusedError
from bus.memory.bus import MemoryBus
from bus.records import TopicPartition
from consumers.alerting.codec import decode_alert
from consumers.alerting.notifiers.base import Notifier, NotifyError
from consumers.alerting.notifiers.log import LogNotifier
from consumers.alerting.notifiers.signing import parse_secret, signed_headers
from consumers.alerting.notifiers.topic import TopicNotifier
from consumers.alerting.notifiers.webhook import Answer, WebhookNotifier, parse_retry_after
from schemas.alert import Alert, AlertState
from tests.support.alerting import TOPICS, an_alert

URL = "https://user:hunter2@hooks.example.org/services/T0K3N"
KEY = parse_secret("whsec_" + base64.b64encode(bytes(range(32))).decode())
NOW_S = 1_764_000_000.5


class Case(Protocol):
    """A notifier with a receiver that the test can look into and make fail."""

    @property
    def notifier(self) -> Notifier:
        """What is under test."""
        ...

    def told(self) -> list[tuple[str, str]]:
        """Return (dedup key, state) of what the receiver has."""
        ...

    def fail(self, *, permanent: bool) -> None:
        """Let the receiver refuse from now on."""
        ...


class LogCase:
    """The log takes everything, so it stands out of the tests of failure."""

    def __init__(self, lines: Sequence[Mapping[str, object]]) -> None:
        self.notifier = LogNotifier()
        self._lines = lines

    def told(self) -> list[tuple[str, str]]:
        states = {"alert_raised": "firing", "alert_resolved": "resolved"}
        return [(str(line["dedup_key"]), states[str(line["event"])]) for line in self._lines]

    def fail(self, *, permanent: bool) -> None:
        raise AssertionError("the log does not fail")


class TopicCase:
    """The topic of alerts on the bus in memory."""

    def __init__(self) -> None:
        self._bus = MemoryBus([TOPICS.of("alerts")], partitions=1)
        self.notifier = TopicNotifier(self._bus.publisher("alerting"), TOPICS)

    def told(self) -> list[tuple[str, str]]:
        reader = self._bus.read([TOPICS.of("alerts")])
        end = self._bus.admin().end_offsets([TOPICS.of("alerts")])
        count = end[TopicPartition(TOPICS.of("alerts"), 0)]
        records = reader.poll(0.1) if count else []
        alerts = [decode_alert(record.value or b"") for record in records]
        assert [record.key for record in records] == [a.dedup_key.encode() for a in alerts]
        return [(alert.dedup_key, alert.state.value) for alert in alerts]

    def fail(self, *, permanent: bool) -> None:
        error = RecordRefusedError("too large") if permanent else PublishTimeoutError("no answer")
        self._bus.faults.fail_publishes(error, 10)


class WebhookCase:
    """A receiver behind a transport that remembers what was posted."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, bytes, Mapping[str, str]]] = []
        self._answer = Answer(204)
        self.notifier = WebhookNotifier(URL, KEY, post=self._post, clock=lambda: NOW_S)

    def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        if self._answer.status == 204:
            self.posted.append((url, body, headers))
        return self._answer

    def told(self) -> list[tuple[str, str]]:
        alerts = [decode_alert(body) for _, body, _ in self.posted]
        return [(alert.dedup_key, alert.state.value) for alert in alerts]

    def fail(self, *, permanent: bool) -> None:
        self._answer = Answer(410 if permanent else 503)


@pytest.fixture(params=["log", "topic", "webhook"])
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    """Return each notifier with its receiver."""
    with capture_logs() as lines:
        cases: dict[str, Callable[[], Case]] = {
            "log": lambda: LogCase(lines),
            "topic": TopicCase,
            "webhook": WebhookCase,
        }
        yield cases[request.param]()


def test_a_notifier_has_a_one_word_name(case: Case) -> None:
    """It stands in the database, in metrics and in logs."""
    assert case.notifier.name.isidentifier()


def test_an_alert_and_its_end_are_told(case: Case) -> None:
    """Both under the one dedup key, so that a receiver can close what it opened."""
    case.notifier.notify(an_alert())
    case.notifier.notify(an_alert(state=AlertState.RESOLVED))

    key = an_alert().dedup_key
    assert case.told() == [(key, "firing"), (key, "resolved")]


def test_a_repeat_can_be_told_by_its_key(case: Case) -> None:
    """After a crash the same alert comes again; nothing but the key need be compared."""
    case.notifier.notify(an_alert())
    case.notifier.notify(an_alert(value=3.0))

    assert len(case.told()) == 2
    assert len(set(case.told())) == 1


@pytest.mark.parametrize(
    "alert",
    [
        an_alert(group={}, samples=(), summary=""),
        an_alert(summary="näïve ✓ \U0001f525", group={"model": "模型"}),
        an_alert(value=0.25, threshold=1e300),
    ],
)
def test_any_alert_can_be_told(case: Case, alert: Alert) -> None:
    """Rules to come have other groups, values and words."""
    case.notifier.notify(alert)

    assert case.told() == [(alert.dedup_key, "firing")]


@pytest.mark.parametrize("case", ["topic", "webhook"], indirect=True)
@pytest.mark.parametrize("permanent", [False, True])
def test_a_failure_says_whether_to_try_again(case: Case, *, permanent: bool) -> None:
    """One line, no secret of the receiver in it."""
    case.fail(permanent=permanent)

    with pytest.raises(NotifyError) as error:
        case.notifier.notify(an_alert())

    assert error.value.permanent is permanent
    assert str(error.value).isprintable()
    assert not {"hunter2", "T0K3N"} & set(str(error.value).replace("/", " ").split())


def test_the_log_line_says_what_failed() -> None:
    """Rule, group, count and ids to start looking at."""
    with capture_logs() as lines:
        LogNotifier().notify(an_alert())

    (line,) = lines
    assert (line["event"], line["log_level"]) == ("alert_raised", "warning")
    assert (line["rule"], line["count"]) == ("failures", 2)
    assert line["group"] == {"provider": "deepinfra", "model": "bge-m3"}
    assert line["samples"] == ["deepinfra:r1:failed", "deepinfra:r2:failed"]


def test_the_webhook_signs_what_it_posts() -> None:
    """The receiver can check id, time and body with the shared secret."""
    case = WebhookCase()

    case.notifier.notify(an_alert())

    ((url, body, headers),) = case.posted
    expected = signed_headers(KEY, "failures-0123456789abcdef.firing", int(NOW_S), body)
    assert url == URL
    assert expected.items() <= headers.items()


@pytest.mark.parametrize(
    ("status", "permanent"),
    [
        (301, False),
        (307, False),
        (400, True),
        (401, True),
        (404, True),
        (408, False),
        (410, True),
        (422, True),
        (429, False),
        (500, False),
        (503, False),
    ],
)
def test_the_webhook_reads_the_answer(status: int, *, permanent: bool) -> None:
    """4xx but 408 and 429 are for good, everything else passes."""
    notifier = WebhookNotifier(URL, post=lambda *_: Answer(status, "17"), clock=lambda: NOW_S)

    with pytest.raises(NotifyError, match=str(status)) as error:
        notifier.notify(an_alert())

    assert (error.value.permanent, error.value.retry_after_s) == (permanent, 17.0)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        (" 120 ", 120.0),
        ("Mon, 24 Nov 2025 16:02:00 GMT", 119.5),
        ("Mon, 24 Nov 2025 15:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("1e3", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str | None, seconds: float | None) -> None:
    """Anything else is no wish at all."""
    assert parse_retry_after(text, NOW_S) == seconds
