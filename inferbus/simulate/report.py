"""Counts what happened and says it: a table for people, one object for programs."""

from array import array
from collections import Counter
from typing import Any

from inferbus.simulate.endpoint import Answer
from inferbus.simulate.plan import Sending

_BEGUN, _ANSWERED = 1, 2


class Tally:
    """The books of one run over `jobs` distinct jobs; a few bytes for each."""

    def __init__(self, jobs: int) -> None:
        self._jobs = bytearray(jobs)
        self._latencies_s = array("d")
        self._given_up_repeats = 0
        self.deliveries = 0
        self.duplicates = 0
        self.attempts = 0
        self.retried = 0
        self.codes: Counter[int] = Counter()
        self.receipts: Counter[str] = Counter()
        self.durable_on: Counter[str] = Counter()
        self.problems: Counter[str] = Counter()

    def begin(self, sending: Sending) -> None:
        """Count a delivery that is about to be made."""
        self.deliveries += 1
        self.duplicates += sending.is_duplicate
        self._jobs[sending.job.number] |= _BEGUN

    def count(self, answer: Answer, *, is_retry: bool) -> None:
        """Count one attempt's answer."""
        self.attempts += 1
        self.retried += is_retry
        if answer.code is None:
            self.problems[answer.problem or "no answer"] += 1
            return
        self._latencies_s.append(answer.seconds)
        self.codes[answer.code] += 1
        self.receipts[answer.receipt or "none"] += 1
        if answer.durability is not None:
            self.durable_on[answer.durability] += 1

    def end(self, sending: Sending, *, is_accepted: bool) -> None:
        """Note how a delivery ended, after all its attempts."""
        if is_accepted:
            self._jobs[sending.job.number] |= _ANSWERED
        elif sending.is_duplicate:
            self._given_up_repeats += 1

    @property
    def given_up(self) -> int:
        """Jobs of which no delivery was accepted: their results are lost."""
        return self._jobs.count(_BEGUN)

    def summary(self, *, seed: int, probe: Answer, elapsed_s: float) -> dict[str, Any]:
        """Return everything as one JSON-ready object."""
        latencies = sorted(self._latencies_s)
        return {
            "seed": seed,
            "probe": probe.code if probe.problem is None else probe.problem,
            "jobs": len(self._jobs) - self._jobs.count(0),
            "not_sent": self._jobs.count(0),
            "sent": self.deliveries,
            "duplicates": self.duplicates,
            "attempts": self.attempts,
            "answered": dict(sorted((str(code), n) for code, n in self.codes.items())),
            "receipts": dict(sorted(self.receipts.items())),
            "durability": dict(sorted(self.durable_on.items())),
            "unanswered": dict(sorted(self.problems.items())),
            "retried": self.retried,
            "given_up": self.given_up,
            "duplicates_given_up": self._given_up_repeats,
            "latency_p50_ms": milliseconds(percentile(latencies, 50)),
            "latency_p99_ms": milliseconds(percentile(latencies, 99)),
            "elapsed_s": round(elapsed_s, 3),
        }


def table_rows(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows people read, without those that say nothing happened."""
    rows: list[tuple[str, Any]] = [
        ("jobs", summary["jobs"]),
        ("jobs not sent", summary["not_sent"]),
        ("deliveries sent", summary["sent"]),
        ("of them duplicates", summary["duplicates"]),
        *((f"answered {code}", n) for code, n in summary["answered"].items()),
        *((f"receipt {status}", n) for status, n in summary["receipts"].items()),
        *((f"durable on {what}", n) for what, n in summary["durability"].items()),
        *((f"not answered: {why}", n) for why, n in summary["unanswered"].items()),
    ]
    shown = [(name, n) for name, n in rows if n]
    shown += [("retried", summary["retried"]), ("given up", summary["given_up"])]
    if summary["duplicates_given_up"]:
        shown.append(("duplicates given up", summary["duplicates_given_up"]))
    shown += [(name, summary[key]) for name, key in _MEASURES]
    return [{"what": name, "figure": figure} for name, figure in shown]


_HINTS = {
    "401": "the endpoint does not know the URL's credential: `inferbus url inspect URL` says why",
    "404": "that path takes no deliveries: a webhook URL has /webhooks/deepinfra/ in it",
    "429": "too many wrong credentials came from here: `inferbus url inspect URL` says why",
    "503": "the endpoint could keep nothing: `inferbus health` says why",
}


def hints(summary: dict[str, Any]) -> list[str]:
    """Say for each code that made us give jobs up what to look at."""
    codes = summary["answered"] if summary["given_up"] else ()
    return [f"answered {code}: {_HINTS[code]}" for code in codes if code in _HINTS]


_MEASURES = (
    ("latency p50, ms", "latency_p50_ms"),
    ("latency p99, ms", "latency_p99_ms"),
    ("elapsed, s", "elapsed_s"),
    ("seed", "seed"),
)


def percentile(ordered: list[float], percent: int) -> float | None:
    """Return the smallest value that so many percent do not exceed; None of nothing."""
    if not ordered:
        return None
    rank = -(-percent * len(ordered) // 100)
    return ordered[max(rank, 1) - 1]


def milliseconds(seconds: float | None) -> float | None:
    """Return the duration in ms, to the microsecond."""
    return None if seconds is None else round(seconds * 1000, 3)
