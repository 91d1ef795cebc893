"""Which deliveries are the same event."""

import hashlib
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import MAX_ID_CHARS, content_id, event_id, progress_word, request_id

CONTENT_ID = re.compile(r"sha256-[0-9a-f]{64}")
unusable = st.characters(categories=["Cc", "Cf", "Cs", "Zs", "Zl", "Zp"])
usable = st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zs", "Zl", "Zp"])


@given(st.text(usable, min_size=1, max_size=MAX_ID_CHARS))
def test_a_printable_id_stands_as_it_is(given_id: str) -> None:
    """Any script may be used, up to 200 characters."""
    assert request_id(given_id, "", b"{}") == given_id


@given(st.text(usable, max_size=50), unusable, st.text(usable, max_size=50))
def test_an_id_with_an_unprintable_character_is_replaced(
    before: str, character: str, after: str
) -> None:
    """Control, format, surrogate and separator characters would break keys, logs and headers."""
    assert request_id(before + character + after, "", b"{}") == content_id("", b"{}")


@pytest.mark.parametrize(
    "given_id",
    [None, "", "x" * (MAX_ID_CHARS + 1), True, 1.5, [], {}, 10**MAX_ID_CHARS, -(10**5000)],
    ids=lambda value: type(value).__name__,
)
def test_an_unusable_id_is_replaced_by_the_content(given_id: object) -> None:
    """Missing, empty, too long or of another type: the content names the job."""
    assert CONTENT_ID.fullmatch(request_id(given_id, "", b"{}"))


@given(st.integers(min_value=-(10**150), max_value=10**150))
def test_an_integer_id_counts_as_its_decimal_text(given_id: int) -> None:
    """Senders that number their jobs keep their numbers, beyond 64 bits too."""
    assert request_id(given_id, "", b"{}") == str(given_id)


@given(st.text(), st.binary())
def test_the_content_id_hashes_the_urls_payload_and_the_body(payload: str, body: bytes) -> None:
    """Anyone can compute it: SHA-256 over the payload text followed by the body."""
    expected = hashlib.sha256(payload.encode() + body).hexdigest()

    assert content_id(payload, body) == f"sha256-{expected}"


def test_two_minted_urls_keep_identical_bodies_apart() -> None:
    """The same result of two jobs is two events when each job has its own URL."""
    assert request_id(None, "eyJuIjoiYSJ9", b"{}") != request_id(None, "eyJuIjoiYiJ9", b"{}")


@given(st.text(min_size=1, max_size=200))
def test_the_last_part_of_a_progress_id_is_always_plain(word: str) -> None:
    """A provider's word stands as it is where it is plain, and as its hash elsewhere."""
    part = progress_word(word)

    assert re.fullmatch(r"[a-z0-9_-]{1,64}|sha256-[0-9a-f]{64}", part)
    assert part == word or CONTENT_ID.fullmatch(part)


@given(st.text(usable, min_size=1, max_size=50))
def test_an_event_id_names_provider_job_and_outcome(given_id: str) -> None:
    """The provider's id can be cut out again, whatever it holds: neither end has a colon."""
    whole = event_id("deepinfra", given_id, "succeeded")

    assert whole.removeprefix("deepinfra:").removesuffix(":succeeded") == given_id


def test_the_categories_are_unicodes() -> None:
    """Characters that people have met in copied ids: no-break space, zero width space, line end."""
    for character in ("\u00a0", "\u200b", "\n", "\u2028", "\ufeff"):
        assert unicodedata.category(character)[0] in "CZ"
        assert request_id(f"R1{character}", "", b"") == content_id("", b"")
