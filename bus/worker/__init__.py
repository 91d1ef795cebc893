"""The consume loop of one group: poll, handle, settle."""

from bus.worker.handler import Batch, Foresee, Handled, Handler, telling
from bus.worker.loop import Worker, WorkerOptions
from bus.worker.part import WorkerPart

__all__ = [
    "Batch",
    "Foresee",
    "Handled",
    "Handler",
    "Worker",
    "WorkerOptions",
    "WorkerPart",
    "telling",
]
