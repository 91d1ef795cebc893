"""What a broker's answer for a partition means for the batch it was sent."""

from enum import Enum

from kafka import errors

from bus.errors import PublishError
from bus.kafka.errors import REFUSALS, publish_error


class Verdict(Enum):
    """What happens next to the batch's records."""

    WRITTEN = "acknowledged"
    AGAIN = "not written, tried again after a pause"
    UNSURE = "perhaps written, tried again after a pause"
    ELSEWHERE = "perhaps written, tried again once the leader has been asked for"
    TOO_LARGE = "tried again in smaller batches; a record alone is refused"
    AT_FAULT = "one of the records is: halved until that one is found"
    FAILED = "answered with the error"


# With acks=all the leader has written these before it answers so.
_AFTER_WRITING = (errors.RequestTimedOutError, errors.NotEnoughReplicasAfterAppendError)
_BEFORE_WRITING = (errors.NotEnoughReplicasError, errors.CorruptRecordError)
_SIZE = (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError)


def verdict_of(code: int) -> Verdict:
    """
    Return what an error code means; 0 is success.

    What nobody knows fails with its outcome unknown: it may have been written, and sending it
    again here could repeat that without end.
    """
    if code == 0:
        return Verdict.WRITTEN
    kind = errors.for_code(code)
    if issubclass(kind, _BEFORE_WRITING):
        return Verdict.AGAIN
    if issubclass(kind, errors.InvalidMetadataError):
        # A leader that is deposed while it waits for its followers answers so, too.
        return Verdict.ELSEWHERE
    if issubclass(kind, (*_AFTER_WRITING, errors.RetriableError)):
        return Verdict.UNSURE
    if issubclass(kind, _SIZE):
        return Verdict.TOO_LARGE
    return Verdict.AT_FAULT if issubclass(kind, REFUSALS) else Verdict.FAILED


def failure(code: int, message: str | None, topic: str) -> PublishError:
    """Return the error that a record's publisher gets for a code."""
    kind = errors.for_code(code)
    return publish_error(kind(message) if message else kind(), topic)


def name_of(code: int) -> str:
    """Return Kafka's own word for an error code."""
    return str(errors.for_code(code).message)
