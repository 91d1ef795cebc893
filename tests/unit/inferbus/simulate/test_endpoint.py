"""The client that calls the endpoint never shows the URL's credential."""

import aiohttp
import pytest

from inferbus.errors import WrongUsageError
from inferbus.simulate.endpoint import Answer, _problem, _said, read_url

SECRET = "k1.eyJuIjoiYWJjIn0.c2VjcmV0"


@pytest.mark.parametrize(
    "text", [SECRET, f"ftp://host/{SECRET}", "", "http://", f"http://[{SECRET}"]
)
def test_what_is_no_url_is_refused_without_repeating_it(text: str) -> None:
    """A credential pasted in the wrong place must not reach the screen."""
    with pytest.raises(WrongUsageError) as refusal:
        read_url(text)

    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize(
    "error",
    [
        aiohttp.InvalidURL(f"http://h/webhooks/deepinfra/{SECRET}"),
        aiohttp.ServerDisconnectedError(SECRET),
        ConnectionResetError(SECRET),
        TimeoutError(SECRET),
        aiohttp.ClientPayloadError(SECRET),
    ],
)
def test_a_problem_never_holds_the_credential(error: Exception) -> None:
    """Whatever the client's own message says."""
    assert SECRET not in _problem(error)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b'{"status":"published"}', "published"),
        (b"[]", None),
        (b"", None),
        (b"ok", None),
        (b'{"status":3}', None),
    ],
)
def test_a_receipt_is_read_where_there_is_one(text: bytes, status: str | None) -> None:
    """Other receivers answer other things."""
    assert _said(text, "status") == status


@pytest.mark.parametrize(
    ("answer", "is_accepted", "is_retried"),
    [
        (Answer(0.1, 200), True, False),
        (Answer(0.1, 202), True, False),
        (Answer(0.1, 308), False, False),
        (Answer(0.1, 400), False, True),
        (Answer(0.1, 503), False, True),
        (Answer(0.1, problem="gone"), False, True),
    ],
)
def test_what_is_accepted_and_what_is_retried(
    answer: Answer, *, is_accepted: bool, is_retried: bool
) -> None:
    """2xx ends it, 400 and above comes again, a redirect does neither."""
    assert (answer.is_accepted, answer.is_retried) == (is_accepted, is_retried)
