"""
What can go wrong on the bus.

Transient, Poison and Backpressure are verdicts: a handler raises one, and the worker does
what its docstring says. Everything else crashes the worker, for its supervisor to see.
"""


class BusError(Exception):
    """Base of all errors of the bus."""


class BusUnavailableError(BusError):
    """The broker cannot be reached or does not answer; the message says which check failed."""


class BusClosedError(BusError):
    """The publisher or subscription was closed; nothing more goes through it."""


class PublishError(BusError):
    """The record was not acknowledged. It may still have been written."""


class PublishTimeoutError(PublishError):
    """No acknowledgement came in time; whether the record was written is unknown."""


class RecordRefusedError(PublishError):
    """The broker refused this record for good; publishing it again would fail the same way."""


class TopicMissingError(PublishError):
    """The topic does not exist; nothing was written. It goes through once the topic is made."""


class QueueFullError(PublishError):
    """Too many records or bytes wait for acknowledgement; nothing was sent."""


_WORDS: tuple[tuple[type[PublishError], str], ...] = (
    (RecordRefusedError, "refused"),
    (TopicMissingError, "topic-missing"),
    (QueueFullError, "queue-full"),
    (PublishTimeoutError, "timeout"),
)


def word_of(error: BaseException) -> str:
    """Return the word under which a record that was not acknowledged counts in the metrics."""
    return next((word for kind, word in _WORDS if isinstance(error, kind)), "error")


class Verdict(BusError):  # noqa: N818 - a verdict, not an error
    """What a handler says of a batch it did not finish."""


class Transient(Verdict):
    """
    The batch could not be handled now, for a reason that passes (a database away).

    Raised by a handler. The worker keeps the batch, commits nothing, backs off and tries
    the same batch again.
    """


class Backpressure(Verdict):
    """
    The handler cannot keep up.

    Raised by a handler. The worker pauses its partitions for `retry_after_s` and then tries
    the same batch again.
    """

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Poison(Verdict):
    """
    A record of the batch can never be handled; trying again would fail the same way.

    Raised by a handler that has kept nothing of the batch. The worker finds the record by
    halving the batch, parks it on the dead letter topic and goes on.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
