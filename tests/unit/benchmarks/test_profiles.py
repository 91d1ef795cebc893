from pathlib import Path

import benchmarks
from benchmarks.profiles.__main__ import Kept, table
from benchmarks.profiles.stacks import Profile, Share, shares

HOME = str(Path(benchmarks.__file__).parents[1])
BASE = f"thread (1): MainThread;main ({HOME}/inferbus/cli.py:52)"
PARSE = f"{BASE};parse ({HOME}/ingest/providers/deepinfra.py:10)"
LOADS = "loads (/usr/lib/python3.11/json/__init__.py:3)"
AIOHTTP = f"{BASE};start ({HOME}/.venv/lib/python3.11/site-packages/aiohttp/web_protocol.py:5)"


def test_a_library_counts_for_the_code_that_called_it() -> None:
    samples, groups, _ = shares([f"{PARSE};{LOADS} 3", f"{AIOHTTP} 1", f"{BASE} 4"])

    assert samples == 8
    assert {each.name: each.own for each in groups} == {
        "asyncio and threads": 0.5,
        "ingest/providers/deepinfra": 0.375,
        "aiohttp": 0.125,
    }


def test_a_function_has_what_it_took_itself_and_with_what_it_called() -> None:
    _, _, functions = shares([f"{PARSE};{LOADS} 3", f"{PARSE} 1"])

    by_name = {each.name: each for each in functions}
    assert by_name["ingest/providers/deepinfra.py: parse"] == Share(
        "ingest/providers/deepinfra.py: parse", 0.25, 1.0
    )
    assert by_name["json/__init__.py: loads"].own == 0.75


def test_the_table_shows_the_profile_before_beside_the_last_one() -> None:
    def profile(commit: str, share: float) -> Profile:
        its = [Share("ingest/accept", share, share)]
        return Profile(
            target="ingress",
            date="2026-11-26",
            commit=commit,
            load="1 KB",
            samples=100,
            groups=its,
            functions=its,
        )

    text = table(Kept(profile("new", 0.25), profile("old", 0.5)))

    assert "commit new, 100 samples: 1 KB. Before: 2026-11-26, commit old." in text
    assert "| `ingest/accept` | 25.0% | 50.0% |" in text
