"""The consume loop of one group: poll, handle, settle."""

from bus.worker.handler import Batch, Handler
from bus.worker.loop import Worker, WorkerOptions
from bus.worker.part import WorkerPart

__all__ = ["Batch", "Handler", "Worker", "WorkerOptions", "WorkerPart"]
