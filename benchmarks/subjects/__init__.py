"""The subjects, in the order they are measured and shown in."""

from collections.abc import Mapping

from benchmarks.subjects import (
    alerting,
    catch_up,
    growth,
    ingress,
    journal,
    latency,
    memory,
    overload,
    peers,
    publishers,
    slow,
    spool,
    start,
    storage,
    workers,
)
from benchmarks.subjects.subject import Subject

_MODULES = (
    ingress,
    workers,
    latency,
    overload,
    publishers,
    peers,
    slow,
    spool,
    journal,
    storage,
    alerting,
    catch_up,
    start,
    memory,
    growth,
)
SUBJECTS: Mapping[str, Subject] = {each.SUBJECT.name: each.SUBJECT for each in _MODULES}
