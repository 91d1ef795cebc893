"""
What was sent and what was answered, on disk before the first byte leaves.

A line is fsynced before each send, another written after: whatever dies, and be it the run
itself, it stays known what the endpoint may have, and what it has promised.
"""

import json
import os
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Self


class Verdict(StrEnum):
    """What the sender knows of one call."""

    ACKED = "acked"  # 2xx: the promise is made
    REFUSED = "refused"  # 4xx or 5xx: the sender was told to keep it
    UNKNOWN = "unknown"  # no answer: it may have arrived or not


Identity = tuple[str | None, str]
"""Event id and body's SHA-256; a delivery that will be quarantined has no event id before."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One call that is about to be made."""

    call: str
    request_id: str
    outcome: str
    """`succeeded`, `failed`, `progress` or `quarantined`."""
    event_id: str | None
    sha256: str

    @property
    def identity(self) -> Identity:
        """What storage tells content apart by."""
        return self.event_id, self.sha256


@dataclass(slots=True)
class Call:
    """A call and how it ended; unknown until it has."""

    sent: Sent
    sent_at: float
    verdict: Verdict = Verdict.UNKNOWN
    answered_at: float | None = None
    status: int | None = None
    durability: str | None = None


@dataclass(slots=True)
class Book:
    """All calls by id; times are unix seconds."""

    calls: dict[str, Call] = field(default_factory=dict)

    def identities(self, *verdicts: Verdict) -> set[Identity]:
        """Return what was sent, or what was answered with one of these verdicts at least once."""
        wanted = verdicts or tuple(Verdict)
        return {call.sent.identity for call in self.calls.values() if call.verdict in wanted}

    def count(self, verdict: Verdict) -> int:
        """Return how many calls ended so."""
        # Copied at once: the sender's thread goes on adding to it.
        return sum(call.verdict is verdict for call in list(self.calls.values()))

    def sent(self) -> Iterable[Sent]:
        """Return every call that was made or may have been."""
        return [call.sent for call in self.calls.values()]

    def first_acked_after(self, moment: float) -> float | None:
        """Return when the first call that was sent after a moment was answered 2xx."""
        answers = (
            call.answered_at
            for call in self.calls.values()
            if call.verdict is Verdict.ACKED and call.sent_at >= moment
        )
        return min((at for at in answers if at is not None), default=None)


class Ledger:
    """Writes the book as it is made. Safe from any thread."""

    def __init__(self, path: Path) -> None:
        self.book = Book()
        self._lock = threading.Lock()
        self._file = path.open("ab", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def sending(self, *sent: Sent) -> None:
        """Return once the calls are on disk; only then may they be made."""
        now = time.time()
        lines = [_line("sending", at=now, **asdict(each)) for each in sent]
        with self._lock:
            self._file.write(b"".join(lines))
            os.fdatasync(self._file.fileno())
            for each in sent:
                self.book.calls[each.call] = Call(each, now)

    def answered(
        self,
        call: str,
        verdict: Verdict,
        status: int | None = None,
        durability: str | None = None,
    ) -> None:
        """Write down how a call ended."""
        now = time.time()
        said = {"at": now, "verdict": verdict, "status": status, "durability": durability}
        with self._lock:
            self._file.write(_line("answered", call=call, **said))
            _close(self.book.calls[call], now, verdict, status, durability)


def read_ledger(path: Path) -> Book:
    """Return the book of a run that may have been killed; a torn last line is left out."""
    book = Book()
    for line in path.read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):
            _apply(book, json.loads(line))
    return book


def _apply(book: Book, said: dict[str, object]) -> None:
    kind, moment = said.pop("say"), float(str(said.pop("at")))
    if kind == "sending":
        sent = Sent(**said)  # type: ignore[arg-type] # as it was written
        book.calls[sent.call] = Call(sent, moment)
    else:
        call = book.calls[str(said.pop("call"))]
        _close(call, moment, Verdict(str(said["verdict"])), said["status"], said["durability"])  # type: ignore[arg-type] # as it was written


def _close(
    call: Call, at: float, verdict: Verdict, status: int | None, durability: str | None
) -> None:
    call.answered_at, call.verdict = at, verdict
    call.status, call.durability = status, durability


def _line(say: str, **members: object) -> bytes:
    return json.dumps({"say": say, **members}).encode() + b"\n"
