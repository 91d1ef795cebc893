"""The snippets of docs/security.md mint URLs that the endpoint accepts."""

import json
import re
import shutil
import subprocess

import pytest

from schemas.callback import Capability, parse_keys, verify
from tests.support.schemas import ROOT

KEY = "2027:a secret:of more than 16 bytes"
SAYS = {"m": "openai/whisper-large-v3", "l": {"käufer": "a/b"}, "j": "night-7", "x": 1_900_000_000}
ARGUMENTS = ("https://hooks.example.com", "deepinfra", KEY)


def snippet(language: str) -> str:
    """Return the page's one block in a language."""
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    (found,) = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
    return str(found)


def run(program: str, *arguments: str) -> str:
    """Return what a program prints."""
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def verified(url: str) -> Capability:
    """Return what a URL says, once the endpoint's own check has passed."""
    base, path = url.split("/webhooks/")
    provider, credential = path.split("/")
    assert (base, provider) == ARGUMENTS[:2]
    return verify(credential, provider, parse_keys(KEY))


@pytest.mark.skipif(shutil.which("node") is None, reason="no node to run TypeScript's snippet")
def test_the_snippet_for_typescript() -> None:
    """Its types are taken out, for older nodes read JavaScript only."""
    typed = re.sub(r"^type .*\n", "", snippet("typescript"), flags=re.MULTILINE)
    plain = re.sub(r": (string|Says)\b", "", typed)
    call = f"console.log(callbackUrl(...{json.dumps([*ARGUMENTS, SAYS])}))"

    urls = [run("node", "--input-type=module", "-e", f"{plain}\n{call}") for _ in range(2)]

    says = verified(urls[0])
    assert (says.model, says.labels, says.job) == (SAYS["m"], SAYS["l"], SAYS["j"])
    assert says.expires_at == SAYS["x"]
    assert verified(urls[1]).nonce != says.nonce


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to run the shell's snippet")
def test_the_snippet_for_a_shell() -> None:
    """In the plainest of shells."""
    call = 'callback_url "$1" "$2" "$3" "$4"'

    url = run("sh", "-c", f"{snippet('sh')}\n{call}", "sh", *ARGUMENTS, json.dumps(SAYS))

    says = verified(url)
    assert (says.model, says.labels, says.job) == (SAYS["m"], SAYS["l"], SAYS["j"])
    assert says.expires_at == SAYS["x"]
