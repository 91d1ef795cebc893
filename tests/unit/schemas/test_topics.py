"""The register of topics."""

from schemas.event import Outcome
from schemas.topics import TOPICS, TopicNames


def test_names_start_with_the_prefix() -> None:
    """Several installations share one cluster by their prefixes."""
    names = TopicNames("staging.inference")

    assert names.of("alerts") == "staging.inference.alerts"
    assert all(name.startswith("staging.inference.") for name in names.all)
    assert len(set(names.all)) == len(TOPICS)


def test_every_outcome_has_its_topic() -> None:
    """Nothing that is published lacks a place."""
    names = TopicNames()

    assert {names.for_outcome(outcome) for outcome in Outcome} == {
        "inference.succeeded",
        "inference.failed",
        "inference.progress",
        "inference.quarantine",
    }


def test_storage_keeps_all_but_alerts() -> None:
    """What alerting says is not an inference result."""
    names = TopicNames()

    assert set(names.all) - set(names.stored) == {"inference.alerts"}


def test_alerting_reads_what_can_be_wrong() -> None:
    """And successes, to have a rate; no progress, no alerts of its own."""
    names = TopicNames()

    assert set(names.all) - set(names.alerted) == {"inference.alerts", "inference.progress"}
