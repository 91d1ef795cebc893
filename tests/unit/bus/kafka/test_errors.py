"""What the client's errors mean for a record."""

import pytest
from kafka import errors as client

from bus.errors import PublishError, PublishTimeoutError, RecordRefusedError
from bus.kafka.errors import publish_error

OUT_OF_RANGE = "Timestamp 1795773263132 of message with offset 1 is out of range."


@pytest.mark.parametrize(
    "error", [client.InvalidTimestampError(OUT_OF_RANGE), client.InvalidRecordError(OUT_OF_RANGE)]
)
def test_a_wrong_clock_is_no_fault_of_the_record(error: client.KafkaError) -> None:
    """What was acknowledged is published once the clock is right, not set aside for ever."""
    found = publish_error(error, "t")

    assert not isinstance(found, RecordRefusedError)
    assert "message.timestamp.type=LogAppendTime" in str(found)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (client.InvalidRecordError("no key on a compacted topic"), RecordRefusedError),
        (client.MessageSizeTooLargeError(), RecordRefusedError),
        (client.TopicAuthorizationFailedError(), PublishError),
        (client.KafkaTimeoutError(), PublishTimeoutError),
    ],
)
def test_other_errors_keep_their_meaning(error: client.KafkaError, kind: type) -> None:
    """Refused for good, refused for want of a right, unknown."""
    assert type(publish_error(error, "t")) is kind
