"""The client's errors as the bus' own. The client's texts may quote records; ours never do."""

from kafka import errors as client

from bus.errors import (
    BusUnavailableError,
    PublishError,
    PublishTimeoutError,
    RecordRefusedError,
)
from bus.kafka.preflight.access import right_missing
from bus.kafka.preflight.rights import Right

# Answers that a second try of the same record would get again.
REFUSALS = (
    client.MessageSizeTooLargeError,
    client.RecordListTooLargeError,
    client.InvalidTopicError,
    client.UnsupportedForMessageFormatError,
    client.PolicyViolationError,
    client.InvalidRecordError,
)

# The partitions have gone to another member; it will redo what was not committed.
COMMIT_REFUSALS = (
    client.CommitFailedError,
    client.RebalanceInProgressError,
    client.IllegalGenerationError,
    client.UnknownMemberIdError,
    client.FencedInstanceIdError,
)


def publish_error(error: BaseException, topic: str) -> PublishError:
    """Return what a failed send means for its record."""
    if _is_of_our_clock(error):
        return PublishError(
            f"Kafka refuses what this machine's clock says on {topic}: set the clock, or give the"
            f" topic message.timestamp.type=LogAppendTime ({reason(error)})"
        )
    if isinstance(error, REFUSALS):
        return RecordRefusedError(f"Kafka refused a record for {topic}: {reason(error)}")
    if isinstance(error, client.AuthorizationError):
        return PublishError(right_missing(Right("topic", topic, "WRITE")).message)
    return PublishTimeoutError(f"no acknowledgement for a record on {topic}: {reason(error)}")


def _is_of_our_clock(error: BaseException) -> bool:
    # The batch is told INVALID_TIMESTAMP, the record in it INVALID_RECORD with these words.
    if isinstance(error, client.InvalidTimestampError):
        return True
    return isinstance(error, client.InvalidRecordError) and "Timestamp" in str(error)


def unavailable(error: BaseException, doing: str) -> BusUnavailableError:
    """Return the error for a call that did not come through."""
    return BusUnavailableError(f"{doing}: {reason(error)}")


def reason(error: BaseException) -> str:
    """Return a client error in a few words."""
    text = str(error).strip() or type(error).__name__
    return " ".join(text.split())[:200]
