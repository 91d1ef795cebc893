"""A command line of its own for each test: empty directory, no settings from outside."""

import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from inferbus.cli import run

KEY = "k1:0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class Ran:
    """What a command answered."""

    status: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Its `--json` output."""
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("INFERBUS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("INFERBUS_SECRETS_DIR", str(tmp_path / "no-secrets"))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def logs_put_back() -> Iterator[None]:
    """Put back what a command set up: its logs go to a stream that ends with the test."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    def call(*args: str) -> Ran:
        status = run(args)
        said = capsys.readouterr()
        return Ran(status, said.out, said.err)

    return call
