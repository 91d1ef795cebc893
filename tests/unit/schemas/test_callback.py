"""Signed callback URLs: what is minted verifies, and nothing else does."""

import base64
import hashlib
import hmac
import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.callback import (
    CallbackError,
    Capability,
    InvalidCredentialError,
    SigningKey,
    inspect,
    mint,
    parse_keys,
    verify,
)
from tests.support.schemas import validator
from tests.support.strategies import providers

OLD = SigningKey("2025", b"an old secret of 128 bits")
NEW = SigningKey("2026", b"a new secret of 128 bits or more")
BASE = "https://hooks.example.com"
URL_CHARACTERS = string.ascii_letters + string.digits + "-_."

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
label_maps = st.dictionaries(texts, texts, max_size=4)
maybe_text = st.none() | texts
expiries = st.none() | st.integers(min_value=0, max_value=2**40)


def credential_of(url: str) -> str:
    return url.rsplit("/", 1)[1]


@given(providers, maybe_text, label_maps, maybe_text, expiries)
def test_a_minted_url_says_what_was_minted(
    provider: str, model: str | None, labels: dict[str, str], job: str | None, expiry: int | None
) -> None:
    """Verifying and inspecting give back model, labels, job, expiry; empty texts are left out."""
    url = mint(BASE, provider, NEW, model=model, labels=labels, job=job, expires_at=expiry)

    says = verify(credential_of(url), provider, [NEW])

    assert (says.model, says.labels, says.job) == (model or None, labels, job or None)
    assert says.expires_at == expiry
    assert says.nonce
    assert inspect(url) == (provider, says)


@given(label_maps, maybe_text, expiries)
def test_the_payload_follows_its_published_schema(
    labels: dict[str, str], job: str | None, expiry: int | None
) -> None:
    """Other languages mint by schemas/v1/callback.schema.json; so do we."""
    url = mint(BASE, "deepinfra", NEW, labels=labels, job=job, expires_at=expiry)
    payload = credential_of(url).split(".")[1]

    validator("callback").validate(json.loads(base64.urlsafe_b64decode(payload + "==")))


@given(label_maps, st.data())
def test_any_changed_character_fails(labels: dict[str, str], data: st.DataObject) -> None:
    """Key id, payload and mac are all covered: one other character, and it is not ours."""
    credential = credential_of(mint(BASE, "deepinfra", NEW, labels=labels))
    index = data.draw(st.integers(0, len(credential) - 1))
    other = data.draw(st.sampled_from(URL_CHARACTERS).filter(lambda c: c != credential[index]))

    changed = credential[:index] + other + credential[index + 1 :]

    with pytest.raises(InvalidCredentialError):
        verify(changed, "deepinfra", [NEW, OLD])


@given(label_maps, st.data())
def test_any_flipped_bit_fails(labels: dict[str, str], data: st.DataObject) -> None:
    """Unused bits at the end of the base64 included: nobody may have two spellings of a URL."""
    credential = credential_of(mint(BASE, "deepinfra", NEW, labels=labels))
    flipped = bytearray(credential.encode())
    flipped[data.draw(st.integers(0, len(flipped) - 1))] ^= 1 << data.draw(st.integers(0, 7))

    with pytest.raises(InvalidCredentialError):
        verify(flipped.decode("utf-8", "surrogateescape"), "deepinfra", [NEW, OLD])


@given(st.text(max_size=80) | st.text(max_size=40).map(f"{BASE}/webhooks/deepinfra/".__add__))
def test_any_url_is_inspected_or_refused(url: str) -> None:
    """What people paste may be anything: there is one error."""
    try:
        provider, says = inspect(url)
    except CallbackError:
        return
    assert provider
    assert says.key_id


@given(st.text(), providers)
def test_any_text_is_refused(credential: str, provider: str) -> None:
    """Whatever stands in the path, the answer is the same error."""
    with pytest.raises(InvalidCredentialError):
        verify(credential, provider, [NEW])


@pytest.mark.parametrize("credential", ["", "..", "2026..", "2026.\ud800.x", "2026.e30.\udcff"])
def test_odd_paths_are_refused(credential: str) -> None:
    """Missing parts and characters that UTF-8 cannot hold are wrong credentials, no crash."""
    with pytest.raises(InvalidCredentialError):
        verify(credential, "deepinfra", [NEW])


def test_a_url_of_another_provider_fails() -> None:
    """A leaked URL cannot be used to post as someone else."""
    credential = credential_of(mint(BASE, "deepinfra", NEW))

    with pytest.raises(InvalidCredentialError):
        verify(credential, "replicate", [NEW])


def test_keys_rotate_without_a_gap() -> None:
    """While both keys are active URLs of both verify; a removed key's URLs do not."""
    old, new = (credential_of(mint(BASE, "deepinfra", key)) for key in (OLD, NEW))

    assert verify(old, "deepinfra", [NEW, OLD]).key_id == "2025"
    assert verify(new, "deepinfra", [NEW, OLD]).key_id == "2026"
    with pytest.raises(InvalidCredentialError):
        verify(old, "deepinfra", [NEW])


def test_a_key_signs_under_its_own_id_only() -> None:
    """Two keys with one secret are two keys: the id is signed as well."""
    twin = SigningKey("twin", NEW.secret)

    with pytest.raises(InvalidCredentialError):
        verify(credential_of(mint(BASE, "deepinfra", NEW)), "deepinfra", [twin])


def test_the_recipe_of_the_interface_mints_what_we_verify() -> None:
    """A few lines in any language make a URL: base64url JSON and HMAC-SHA256 over v1.…."""
    payload = _b64(b'{"m":"a/b","l":{"customer":"acme"}}')
    mac = _b64(hmac.digest(NEW.secret, f"v1.deepinfra.2026.{payload}".encode(), hashlib.sha256))

    says = verify(f"2026.{payload}.{mac}", "deepinfra", [NEW])

    expected = Capability("2026", payload, model="a/b", labels={"customer": "acme"})
    assert says == expected


@pytest.mark.parametrize("payload", [b"[]", b"{", b'{"x":"soon"}', b'{"x":1.5}', b'{"x":true}'])
def test_a_signed_payload_that_says_nonsense_is_refused(payload: bytes) -> None:
    """A key holder's broken tool is told at once, not when the job is done."""
    text = _b64(payload)
    mac = _b64(hmac.digest(NEW.secret, f"v1.deepinfra.2026.{text}".encode(), hashlib.sha256))

    with pytest.raises(InvalidCredentialError):
        verify(f"2026.{text}.{mac}", "deepinfra", [NEW])


def test_what_cannot_be_stored_never_reaches_a_record() -> None:
    """JSON can spell what UTF-8 or a table cannot hold: it is replaced when read."""
    text = _b64(rb'{"m":"a\ud800","j":"7\u0000","l":{"k\udfff":"v\ud800"}}')
    mac = _b64(hmac.digest(NEW.secret, f"v1.deepinfra.2026.{text}".encode(), hashlib.sha256))

    says = verify(f"2026.{text}.{mac}", "deepinfra", [NEW])

    assert (says.model, says.job, says.labels) == ("a?", "7\u2400", {"k?": "v?"})
    with pytest.raises(CallbackError, match="surrogate"):
        mint(BASE, "deepinfra", NEW, model="a\ud800")


def test_an_ordinary_url_stays_under_512_characters() -> None:
    """Providers' forms and databases cut longer ones."""
    url = mint(
        "https://inference-hooks.internal.example.com",
        "deepinfra",
        NEW,
        model="meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8",
        labels={"customer": "a-customer-with-a-long-name", "team": "search", "stage": "production"},
        job="f47ac10b-58cc-4372-a567-0e02b2c3d479",
        expires_at=1795248000,
    )

    assert len(url) < 512


def test_expiry_is_told_not_enforced() -> None:
    """An authentic but late result is kept, so verifying it does not fail."""
    says = verify(credential_of(mint(BASE, "deepinfra", NEW, expires_at=100)), "deepinfra", [NEW])

    assert not says.has_expired(100)
    assert says.has_expired(100.5)
    assert not Capability("k", "").has_expired(2**60)


def test_two_urls_for_the_same_job_differ() -> None:
    """A nonce keeps identical results of two jobs two events."""
    assert mint(BASE, "deepinfra", NEW, job="7") != mint(BASE, "deepinfra", NEW, job="7")


def test_a_trailing_slash_or_query_does_not_hide_what_a_url_says() -> None:
    """What people paste is inspected all the same."""
    url = mint(f"{BASE}/", "deepinfra", NEW, job="7")

    assert "//webhooks" not in url
    assert inspect(f"{url}/")[1].job == "7"
    assert inspect(f"{url}?x=1")[1].job == "7"


@pytest.mark.parametrize("url", ["", BASE, f"{BASE}/webhooks/deepinfra", f"{BASE}/a/b/c.d.e"])
def test_what_is_no_callback_url_is_said_to_be_none(url: str) -> None:
    """A plain endpoint, another path or nothing at all: one clear error."""
    with pytest.raises(CallbackError, match="no signed callback URL"):
        inspect(url)


def test_keys_are_read_from_one_line() -> None:
    """`id:secret,id:secret`, the first one mints; a colon in the secret is the secret's."""
    keys = parse_keys(" a:0123456789abcdef , b:0123456789:abcdef,")

    assert [key.id for key in keys] == ["a", "b"]
    assert keys[1].secret == b"0123456789:abcdef"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("secret-without-an-id", "id:secret"),
        ("a:short", "shorter than 16 bytes"),
        ("a b:0123456789abcdef", "id must be"),
        ("a:0123456789abcdef,a:fedcba9876543210", "same id"),
    ],
)
def test_a_key_that_cannot_be_used_says_why_and_not_its_secret(text: str, complaint: str) -> None:
    """The message goes to logs: it names the key, never the secret."""
    with pytest.raises(CallbackError, match=complaint) as caught:
        parse_keys(text)

    assert "0123456789abcdef" not in str(caught.value)
    assert "short," not in str(caught.value)


def test_a_secret_is_not_printed() -> None:
    """Keys end up in tracebacks and settings dumps."""
    assert "secret of" not in repr(NEW)


@pytest.mark.parametrize("provider", ["", "Deep Infra", "../x", "a" * 65])
def test_a_provider_that_cannot_stand_in_a_path_is_refused(provider: str) -> None:
    """The name is part of the URL and of every event id."""
    with pytest.raises(CallbackError, match="provider name"):
        mint(BASE, provider, NEW)


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
