"""
Windows as buckets: pure arithmetic, whole numbers only, so that every instance agrees.

Time is cut into buckets, and counts are kept per bucket. A window is the run of buckets that
ends with a given one. It slides by one bucket, so a burst is seen wherever it lies. A period
is one window's length, aligned to the epoch: a group has at most one alert per period,
however long the storm, and which one does not depend on the order in which events are read.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """A length in seconds, made of buckets; the length is a whole number of buckets."""

    length_s: int = 300
    bucket_s: int = 30

    def __post_init__(self) -> None:
        if self.bucket_s < 1 or self.length_s < 1 or self.length_s % self.bucket_s:
            raise ValueError(
                f"a window of {self.length_s} s cannot be made of buckets of {self.bucket_s} s:"
                " use a whole number of them"
            )

    @property
    def buckets(self) -> int:
        """How many buckets a window has."""
        return self.length_s // self.bucket_s

    def bucket_of(self, moment: datetime) -> int:
        """Return the number of the bucket a moment lies in."""
        return (moment - EPOCH) // timedelta(seconds=self.bucket_s)

    def period_of(self, bucket: int) -> int:
        """Return the number of the period a bucket lies in."""
        return bucket // self.buckets

    def bounds(self, last_bucket: int) -> tuple[datetime, datetime]:
        """Return start and end of the window that ends with this bucket."""
        ends_at = EPOCH + timedelta(seconds=(last_bucket + 1) * self.bucket_s)
        return ends_at - timedelta(seconds=self.length_s), ends_at

    def period_ends_at(self, period: int) -> datetime:
        """Return the moment a period is over."""
        return EPOCH + timedelta(seconds=(period + 1) * self.length_s)

    def periods_touched(self, buckets: Iterable[int]) -> frozenset[int]:
        """Return the periods in which some window holds one of the buckets."""
        reach = self.buckets - 1
        return frozenset(self.period_of(end) for b in buckets for end in (b, b + reach))

    def buckets_judged(self, period: int) -> range:
        """Return all buckets of the windows that end within the period."""
        first = period * self.buckets
        return range(first - self.buckets + 1, first + self.buckets)


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What a period's windows say, once one of them has reached the threshold.

    `value` is the count of the fullest window, which ends with bucket `fullest`; `latest` is
    the last bucket that ends a window at or over the threshold.
    """

    value: int
    fullest: int
    latest: int


def judge(
    counts: Mapping[int, int], window: Window, period: int, threshold: float
) -> Verdict | None:
    """
    Return the verdict on one period, None while every window in it is under the threshold.

    `counts` holds at least `window.buckets_judged(period)`. Only windows that end with a
    counted bucket are looked at: any other holds no more than the one that ends with its
    last counted bucket.
    """
    verdict: Verdict | None = None
    for bucket in sorted(counts):
        if window.period_of(bucket) == period:
            total = window_sum(counts, window, bucket)
            if total >= threshold:
                verdict = _raised(verdict, total, bucket)
    return verdict


def window_sum(counts: Mapping[int, int], window: Window, last_bucket: int) -> int:
    """Return the count of the window that ends with this bucket."""
    first = last_bucket - window.buckets + 1
    return sum(counts.get(bucket, 0) for bucket in range(first, last_bucket + 1))


def _raised(known: Verdict | None, total: int, bucket: int) -> Verdict:
    if known is None or total > known.value:
        return Verdict(total, bucket, bucket)
    return Verdict(known.value, known.fullest, bucket)
