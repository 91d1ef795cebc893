"""Figures: what was measured, beside a baseline of the same rounds."""

import statistics
from collections.abc import Sequence

import msgspec


class Spread(msgspec.Struct, frozen=True):
    """The median of the rounds, the least and the most of them."""

    median: float
    least: float
    most: float


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """
    One measure of one case: ours, the baseline's, and ours divided by the baseline's.

    The ratio is made round by round and then summed up, so it is not the ratio of the medians.
    `aim` says what is hoped for; nothing fails where it is missed.
    """

    case: str
    measure: str
    unit: str
    ours: Spread
    against: str = ""
    baseline: Spread | None = None
    ratio: Spread | None = None
    aim: str = ""
    note: str = ""


def spread(values: Sequence[float]) -> Spread:
    """Return median, least and most; raises ValueError where nothing was measured."""
    if not values:
        raise ValueError("nothing was measured")
    return Spread(statistics.median(values), min(values), max(values))


def beyond(
    case: str,
    measure: str,
    unit: str,
    ours: Sequence[float],
    baseline: Sequence[float],
    *,
    aim: str,
) -> Figure:
    """Return by how much ours exceeds the baseline, round by round, for aims that say so."""
    more = [one - other for one, other in zip(ours, baseline, strict=True)]
    return Figure(case=case, measure=measure, unit=unit, ours=spread(more), aim=aim)


def compare(
    case: str,
    measure: str,
    unit: str,
    ours: Sequence[float],
    baseline: Sequence[float],
    *,
    against: str = "bare aiohttp",
    aim: str = "",
    note: str = "",
) -> Figure:
    """
    Return the figure of values that were measured in the same rounds, in their order.

    Against a baseline of nothing there is no ratio.
    """
    pairs = list(zip(ours, baseline, strict=True))
    ratios = [one / other for one, other in pairs if other]
    return Figure(
        case=case,
        measure=measure,
        unit=unit,
        ours=spread(ours),
        against=against,
        baseline=spread(baseline),
        ratio=spread(ratios) if len(ratios) == len(pairs) else None,
        aim=aim,
        note=note,
    )
