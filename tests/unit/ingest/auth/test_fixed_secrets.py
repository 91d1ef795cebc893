"""Tokens in the path and in the header, users with passwords: whole or not at all."""

import base64
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from multidict import CIMultiDict

from bus.runtime.settings_sections import IngestSettings
from ingest.auth import Authenticator, Head, UnauthenticatedError, authenticator_from
from schemas.delivery import ANONYMOUS

FIRST, SECOND = "first-token-of-two-tokens", "second-token-of-two-tokens"
USERS = f"alice:{FIRST},bob:{SECOND}"


def authenticator(auth: str, **secrets: Any) -> Authenticator:
    return authenticator_from(IngestSettings.model_validate({"auth": auth, **secrets}))


TOKEN = authenticator("token", tokens=f"a:{FIRST},b:{SECOND}")
BEARER = authenticator("bearer", tokens=f"a:{FIRST},b:{SECOND}")
BASIC = authenticator("basic", basic_users=USERS)


def admitted(by: Authenticator, head: Head) -> bool:
    try:
        return by.admit(head, now_s=0) == ANONYMOUS
    except UnauthenticatedError:
        return False


def with_header(*values: str) -> Head:
    return Head("deepinfra", headers=CIMultiDict([("authorization", value) for value in values]))


def basic(pair: str) -> str:
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


@pytest.mark.parametrize("token", [FIRST, SECOND])
def test_each_token_opens_by_its_own_way_only(token: str) -> None:
    """A token for the header is none in the path, and the other way round."""
    path, header = Head("deepinfra", token), with_header(f"Bearer {token}")

    assert admitted(TOKEN, path)
    assert admitted(BEARER, header)
    assert not admitted(TOKEN, header)
    assert not admitted(BEARER, path)


@pytest.mark.parametrize("value", [f"bearer {FIRST}", f"BEARER  {FIRST}", f"Bearer {FIRST} "])
def test_a_scheme_is_read_as_http_has_it(value: str) -> None:
    """Case does not count, nor do spaces around the token (RFC 9110)."""
    assert admitted(BEARER, with_header(value))


@pytest.mark.parametrize(
    "values",
    [
        (),
        ("",),
        (FIRST,),
        (f"Basic {FIRST}",),
        (f"Token {FIRST}",),
        ("Bearer",),
        ("Bearer ",),
        (f"Bearer {FIRST[:-1]}",),
        (f"Bearer {FIRST}x",),
        (f"Bearer {FIRST},{SECOND}",),
        (f"Bearer a:{FIRST}",),
        (f"Bearer {FIRST}", f"Bearer {FIRST}"),
        ("Bearer \udcff\udcfe",),
    ],
)
def test_another_header_is_no_bearer(values: tuple[str, ...]) -> None:
    """Two headers are none: a proxy and we might read different ones."""
    assert not admitted(BEARER, with_header(*values))


def test_user_and_password_belong_together() -> None:
    """One user's password does not open for the other."""
    assert admitted(BASIC, with_header(basic(f"alice:{FIRST}")))
    assert admitted(BASIC, with_header(basic(f"bob:{SECOND}")))
    assert not admitted(BASIC, with_header(basic(f"alice:{SECOND}")))
    assert not admitted(BASIC, with_header(basic(f"Alice:{FIRST}")))
    assert not admitted(BASIC, with_header(basic(FIRST)))
    assert not admitted(BASIC, with_header(f"Basic alice:{FIRST}"))
    assert not admitted(BASIC, with_header(f"Bearer {basic(f'alice:{FIRST}')[6:]}"))


# as aiohttp decodes headers and paths
ANY_TEXT = st.binary(max_size=60).map(lambda raw: raw.decode("utf-8", "surrogateescape"))


@given(ANY_TEXT, st.sampled_from(["", "Basic ", "Bearer ", "basic\t"]))
@example("=", "Basic ")
@example("\udcff", "Basic ")
@example("YQ===", "Basic ")
@example("YWxpY2U6\u00e9", "Basic ")
def test_any_header_and_path_is_refused_without_a_fault(text: str, scheme: str) -> None:
    """Whatever a stranger writes, there is one exception."""
    for by in (TOKEN, BEARER, BASIC):
        assert not admitted(by, with_header(scheme + text))
        assert not admitted(by, Head("deepinfra", text))


def test_secrets_are_not_printed() -> None:
    """A traceback or a debugger's line shows neither what is asked for nor what was shown."""
    shown = repr([TOKEN, BEARER, BASIC, Head("deepinfra", FIRST), with_header(FIRST)])

    assert FIRST not in shown
    assert SECOND not in shown
