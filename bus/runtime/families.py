"""Metrics of several processes as those of one: sums mostly, the greatest of ages."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from prometheus_client import Metric
from prometheus_client.registry import Collector

from bus.runtime.cells import CellName

Labels = tuple[tuple[str, str], ...]
Key = tuple[str, Labels]

_SUMMED = ("counter", "histogram", "summary")
# Of the process that answers; the sum over several would mean nothing.
_OWN_GAUGES = frozenset({"process_start_time_seconds", "process_max_fds"})


@dataclass(slots=True)
class Family:
    """One metric: its samples by their name and labels."""

    name: str
    kind: str
    help: str
    samples: dict[Key, float] = field(default_factory=dict)


Families = dict[str, Family]


def collected(collector: Collector) -> Families:
    """Return what a register holds now, but for the times at which its metrics were made."""
    families: Families = {}
    for metric in collector.collect():
        samples = {
            (sample.name, _labels(sample.labels)): sample.value
            for sample in metric.samples
            if not sample.name.endswith("_created")
        }
        families[metric.name] = Family(metric.name, metric.type, metric.documentation, samples)
    return families


def packed(families: Families) -> list[Any]:
    """Return families as plain lists that JSON can carry."""
    return [
        [each.name, each.kind, each.help, [[*key, value] for key, value in each.samples.items()]]
        for each in families.values()
    ]


def unpacked(content: list[Any]) -> Families:
    """Return what was `packed`."""
    families: Families = {}
    for name, kind, text, samples in content:
        family = families[name] = Family(name, kind, text)
        for sample, labels, value in samples:
            family.samples[sample, tuple((label, word) for label, word in labels)] = value
    return families


def add(total: Families, more: Families) -> None:
    """
    Add another process' families to `total`.

    Counts and gauges are summed; of an age (`inferbus_*_seconds`) the greatest holds; what
    only the first process can say (its start, its version) stays.
    """
    for name, family in more.items():
        known = total.get(name)
        if known is None:
            total[name] = Family(name, family.kind, family.help, dict(family.samples))
            continue
        for key, value in family.samples.items():
            known.samples[key] = _added(family, known.samples.get(key), value)


def _added(family: Family, known: float | None, value: float) -> float:
    if known is None:
        return value
    if family.kind == "gauge" and family.name.startswith("inferbus_"):
        return max(known, value) if family.name.endswith("_seconds") else known + value
    if family.kind in _SUMMED or (family.kind == "gauge" and family.name not in _OWN_GAUGES):
        return known + value
    return known


def lasting(families: Families) -> Families:
    """Return the counts alone: what a process leaves behind when it ends."""
    return {name: family for name, family in families.items() if family.kind in _SUMMED}


def counted(cells: Iterable[tuple[CellName, float]]) -> Families:
    """Return the counters and histograms that a process kept in cells."""
    families: Families = {}
    for name, value in cells:
        if name.kind not in _SUMMED:
            continue
        family = families.setdefault(name.family, Family(name.family, name.kind, name.help))
        family.samples[name.sample, _labels(name.labels)] = value
    for family in families.values():
        if family.kind == "histogram":
            family.samples = dict(_cumulated(family))
    return families


def _cumulated(family: Family) -> Iterator[tuple[Key, float]]:
    """Turn the single buckets that are kept into the cumulated ones that are told."""
    buckets = sorted(
        (_without_bound(labels), _bound(labels), labels, value)
        for (name, labels), value in family.samples.items()
        if name.endswith("_bucket")
    )
    for rest, group in groupby(buckets, key=lambda bucket: bucket[0]):
        total = 0.0
        for _, _, labels, value in group:
            total += value
            yield (f"{family.name}_bucket", labels), total
        yield (f"{family.name}_count", rest), total
    for key, value in family.samples.items():
        if not key[0].endswith("_bucket"):
            yield key, value


def _without_bound(labels: Labels) -> Labels:
    return tuple(pair for pair in labels if pair[0] != "le")


def _bound(labels: Labels) -> float:
    return float(dict(labels)["le"])


def _labels(labels: dict[str, str]) -> Labels:
    return tuple(sorted(labels.items()))


class Told(Collector):
    """Families as a collector, for whoever writes them out."""

    def __init__(self, families: Families) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """Yield them."""
        for family in self._families.values():
            metric = Metric(family.name, family.help, family.kind)
            for (name, labels), value in family.samples.items():
                metric.add_sample(name, dict(labels), value)
            yield metric
