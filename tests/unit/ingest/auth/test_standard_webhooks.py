"""Standard Webhooks: an HMAC over id, timestamp and the raw body."""

import base64
import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from multidict import CIMultiDict

from bus.runtime.settings_sections import IngestSettings
from ingest.auth import Authenticator, Head, Pending, UnauthenticatedError, authenticator_from
from schemas.delivery import ANONYMOUS

NOW_S = 1_800_000_000
# The secret, headers, body and signature of the specification's own test vector.
VECTOR_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VECTOR_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
VECTOR_AT = 1_614_265_330
VECTOR_BODY = b'{"test": 2432232314}'
VECTOR_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

OLD, NEW = b"o" * 24, b"n" * 64
BODY = b'{"id":"p1","status":"succeeded"}'


def secret(raw: bytes) -> str:
    return f"whsec_{base64.b64encode(raw).decode()}"


def authenticator(*secrets: str) -> Authenticator:
    settings = {"auth": "standard-webhooks", "webhook_secrets": ",".join(secrets)}
    return authenticator_from(IngestSettings.model_validate(settings))


BOTH = authenticator(f"replicate:{secret(NEW)}", f"replicate:{secret(OLD)}")


def sign(key: bytes, identity: str, at: str, body: bytes) -> str:
    signed = f"{identity}.{at}.".encode("utf-8", "surrogateescape") + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def head(
    signature: str | None = None, identity: str | None = "msg_1", at: Any = NOW_S, **more: Any
) -> Head:
    """A head signed with the new secret unless a signature is given."""
    signature = sign(NEW, identity or "", str(at), BODY) if signature is None else signature
    given = {"Webhook-Id": identity, "Webhook-Timestamp": at, "Webhook-Signature": signature}
    headers = CIMultiDict((name, str(value)) for name, value in given.items() if value is not None)
    return Head(more.pop("provider", "replicate"), None, headers, **more)


async def is_accepted(
    given: Head, body: bytes = BODY, by: Authenticator = BOTH, now_s: float = NOW_S
) -> bool:
    try:
        return await by.confirm(by.admit(given, now_s), body) == ANONYMOUS
    except UnauthenticatedError:
        return False


async def test_the_vector_of_the_specification_is_accepted() -> None:
    """What other implementations sign, we verify."""
    given = head(VECTOR_SIGNATURE, VECTOR_ID, VECTOR_AT)
    by = authenticator(f"replicate:{VECTOR_SECRET}")

    assert await is_accepted(given, VECTOR_BODY, by, VECTOR_AT)
    assert not await is_accepted(given, VECTOR_BODY + b" ", by, VECTOR_AT)


async def test_the_body_is_waited_for_before_anything_is_said() -> None:
    """A right head with a wrong body is a wrong credential."""
    admitted = BOTH.admit(head(), NOW_S)

    assert isinstance(admitted, Pending)
    with pytest.raises(UnauthenticatedError):
        await BOTH.confirm(admitted, BODY[:-1])


async def test_secrets_rotate_without_a_gap() -> None:
    """A sender signs with both while it rotates; we may know both or already one."""
    old, new = (sign(key, "msg_1", str(NOW_S), BODY) for key in (OLD, NEW))
    only_new = authenticator(f"replicate:{secret(NEW)}")

    assert await is_accepted(head(old))
    assert await is_accepted(head(new))
    assert await is_accepted(head(f"{old} {new}"), by=only_new)
    assert not await is_accepted(head(old), by=only_new)


async def test_a_secret_is_one_provider_s() -> None:
    """What one account signs is refused elsewhere, also where there is no secret at all."""
    by = authenticator(f"replicate:{secret(NEW)}", f"openai:{secret(OLD)}")

    assert not await is_accepted(head(provider="openai"), by=by)
    assert not await is_accepted(head(provider="deepinfra"), by=by)


@pytest.mark.parametrize("away_s", [-300, -299, 0, 300])
async def test_a_clock_may_be_off_by_five_minutes(away_s: int) -> None:
    """In either direction."""
    assert await is_accepted(head(at=NOW_S + away_s))


@pytest.mark.parametrize("away_s", [-301, 301, -(10**6), 10**9])
async def test_an_old_or_early_delivery_is_refused(away_s: int) -> None:
    """A captured one cannot be posted later."""
    assert not await is_accepted(head(at=NOW_S + away_s))


@pytest.mark.parametrize(
    "at", ["", " ", "soon", f"{NOW_S}.0", f"-{NOW_S}", f"+{NOW_S}", "1_8", "٣", "9" * 5000, "0x1"]
)
async def test_a_timestamp_is_whole_seconds(at: str) -> None:
    """Python would read some of these as numbers, or refuse them with a fault."""
    assert not await is_accepted(head(at=at))


@pytest.mark.parametrize("identity", [None, "", "a.b", f"msg_1.{NOW_S}"])
async def test_an_id_without_dots_is_needed(identity: str | None) -> None:
    """A dot would let id and timestamp be cut elsewhere, under the same signature."""
    assert not await is_accepted(head(identity=identity))


@pytest.mark.parametrize("name", ["Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"])
async def test_a_header_given_twice_is_refused(name: str) -> None:
    """A proxy and we might read different ones."""
    given = head()
    headers = CIMultiDict(given.headers)
    headers.add(name, headers[name])

    assert not await is_accepted(Head("replicate", None, headers))


async def test_other_versions_and_nonsense_are_skipped() -> None:
    """Asymmetric signatures may stand beside ours; none of it is a fault."""
    good = sign(NEW, "msg_1", str(NOW_S), BODY)
    among = f"v1a,AAAA v2,{good[3:]} v1 ,, v1,, v1,é \udcff  v1,{'A' * 4000} {good} v1,x"

    assert await is_accepted(head(among))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda good: good[3:],
        lambda good: f"v2,{good[3:]}",
        lambda good: f"V1,{good[3:]}",
        lambda good: f"v1a,{good[3:]}",
        lambda good: good[:-1],
        lambda good: f"{good}=",
        lambda good: f"v1,{good[3:].lower()}",
        lambda good: f"v1={good[3:]}",
        lambda good: good[:3],
        lambda good: good[:0],
    ],
)
async def test_a_spoilt_signature_is_refused(spoil: Any) -> None:
    """Whole and in version 1, or not at all."""
    assert not await is_accepted(head(spoil(sign(NEW, "msg_1", str(NOW_S), BODY))))


@given(st.integers(0), st.integers(0, 7))
async def test_any_flipped_bit_of_the_body_is_refused(position: int, bit: int) -> None:
    """The signature covers all of it."""
    body = bytearray(BODY)
    body[position % len(body)] ^= 1 << bit

    assert not await is_accepted(head(), bytes(body))


# as aiohttp decodes headers
HEADER = st.none() | st.binary(max_size=40).map(lambda b: b.decode("utf-8", "surrogateescape"))


@given(HEADER, HEADER, HEADER, st.binary(max_size=20))
@example("\udcff", str(NOW_S), "v1,\udcff", b"\xff")
@example("a", str(NOW_S), "v1,AAAA v1", b"\xff\xfe")
async def test_any_headers_and_bytes_are_refused_without_a_fault(
    identity: str | None, at: str | None, signature: str | None, body: bytes
) -> None:
    """What is not signed is refused, never answered 500."""
    given = {"webhook-id": identity, "webhook-timestamp": at, "webhook-signature": signature}
    headers = CIMultiDict((name, value) for name, value in given.items() if value is not None)

    assert not await is_accepted(Head("replicate", None, headers), body)


async def test_bytes_that_are_no_text_are_verified_as_they_are() -> None:
    """Raw bytes are signed; whether they are JSON is the adapter's business."""
    body = b"\xff\xfe\x00 no text"

    assert await is_accepted(head(sign(NEW, "msg_1", str(NOW_S), body)), body)


async def test_a_large_body_is_verified_off_the_loop_with_the_same_verdict() -> None:
    """Megabytes must not hold up all others."""
    body = b"x" * 1_000_000
    good = head(sign(NEW, "msg_1", str(NOW_S), body))

    assert await is_accepted(good, body)
    assert not await is_accepted(good, body + b"x")


async def test_a_signed_url_needs_no_signature_beside_it() -> None:
    """Any one method suffices: the URL by the head, everything else by the body."""
    settings = {
        "auth": "token,standard-webhooks",
        "tokens": "a:0123456789abcdef",
        "webhook_secrets": f"replicate:{secret(NEW)}",
    }
    by = authenticator_from(IngestSettings.model_validate(settings))

    assert by.admit(Head("replicate", "0123456789abcdef"), NOW_S) == ANONYMOUS
    assert await is_accepted(head(), by=by)
    with pytest.raises(UnauthenticatedError):
        by.admit(Head("replicate", "0123456789abcdeX"), NOW_S)


def test_what_is_signed_with_is_not_printed() -> None:
    """Neither secrets nor signatures stand in a traceback."""
    shown = repr([BOTH, BOTH.admit(head(), NOW_S)])

    assert repr(NEW) not in shown
    assert sign(NEW, "msg_1", str(NOW_S), BODY)[3:] not in shown
