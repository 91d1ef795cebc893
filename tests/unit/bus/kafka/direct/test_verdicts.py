"""Every error code of Kafka means something; refusals are the same for both publishers."""

import pytest
from kafka import errors

from bus.errors import PublishTimeoutError, RecordRefusedError
from bus.kafka.direct.verdicts import Verdict, failure, verdict_of
from bus.kafka.errors import REFUSALS

AGAIN = (Verdict.AGAIN, Verdict.UNSURE, Verdict.ELSEWHERE)


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        (0, Verdict.WRITTEN),
        (2, Verdict.AGAIN),  # CORRUPT_MESSAGE
        (3, Verdict.ELSEWHERE),  # UNKNOWN_TOPIC_OR_PARTITION
        (6, Verdict.ELSEWHERE),  # NOT_LEADER_OR_FOLLOWER
        (7, Verdict.UNSURE),  # REQUEST_TIMED_OUT
        (10, Verdict.TOO_LARGE),  # MESSAGE_TOO_LARGE
        (19, Verdict.AGAIN),  # NOT_ENOUGH_REPLICAS
        (20, Verdict.UNSURE),  # NOT_ENOUGH_REPLICAS_AFTER_APPEND
        (29, Verdict.FAILED),  # TOPIC_AUTHORIZATION_FAILED
        (56, Verdict.ELSEWHERE),  # KAFKA_STORAGE_ERROR
        (74, Verdict.ELSEWHERE),  # FENCED_LEADER_EPOCH
        (87, Verdict.AT_FAULT),  # INVALID_RECORD
        (-1, Verdict.FAILED),  # UNKNOWN_SERVER_ERROR
        (9999, Verdict.FAILED),  # of a Kafka to come
    ],
)
def test_the_codes_that_produce_requests_meet(code: int, verdict: Verdict) -> None:
    assert verdict_of(code) is verdict


def test_whatever_the_client_would_retry_is_tried_again() -> None:
    """And nothing that it holds for a refusal."""
    for code, kind in errors.kafka_errors.items():
        if issubclass(kind, errors.RetriableError):
            assert verdict_of(code) in AGAIN, kind
        if issubclass(kind, REFUSALS):
            assert verdict_of(code) in (Verdict.TOO_LARGE, Verdict.AT_FAULT), kind


def test_errors_quote_no_record_and_say_what_is_unknown() -> None:
    assert isinstance(failure(10, None, "t"), RecordRefusedError)
    assert isinstance(failure(-1, "disk on fire", "t"), PublishTimeoutError)
    assert "disk on fire" in str(failure(-1, "disk on fire", "t"))
