"""What every rule must do. A new rule joins by its line in RULES."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.alerting.rules import BUILT_IN
from consumers.alerting.rules.base import MAX_LABEL_CHARS, Rule, dedup_key, group_key
from consumers.alerting.rules.failures import Failures
from consumers.alerting.tables import ALERTS
from consumers.alerting.windows import Window
from schemas.deadletter import DeadLetter
from schemas.event import InferenceEvent, Outcome, Quarantined
from tests.support.alerting import NOON, Clock, a_store, an_event, memory_engine, observed, rows
from tests.support.strategies import events, held_deliveries

RULES: list[tuple[Callable[[], Rule], list[Callable[[], Rule]]]] = [
    (
        Failures,
        [lambda: Failures(threshold=2), lambda: Failures(window=Window(600, 30))],
    ),
]
"""How a rule is made, and how the same rule is made with other parameters."""

MAKERS = [maker for maker, _ in RULES]
each_rule = pytest.mark.parametrize("make", MAKERS)

dead_letters = st.builds(
    DeadLetter,
    consumer=st.just("storage"),
    reason=st.just("schema"),
    detail=st.text(max_size=20),
    parked_at=st.just(NOON),
    topic=st.just("inference.failed"),
    partition=st.just(0),
    offset=st.integers(0, 9),
    value_sha256=st.just("0" * 64),
)
observables = st.one_of(events(), held_deliveries(), dead_letters)


def test_every_built_in_rule_is_tested_here() -> None:
    """A rule that ships has passed this suite."""
    assert {type(rule) for rule in BUILT_IN} <= {type(make()) for make in MAKERS}


@each_rule
def test_a_rule_has_a_name_a_severity_and_a_threshold(make: Callable[[], Rule]) -> None:
    """They stand in keys, metrics and log lines."""
    rule = make()

    assert rule.name.replace("-", "").isalnum()
    assert rule.name == rule.name.lower()
    assert rule.severity in {"info", "warning", "critical"}
    assert rule.threshold >= 1


@pytest.mark.parametrize(("make", "others"), RULES)
def test_the_hash_says_what_is_counted(
    make: Callable[[], Rule], others: list[Callable[[], Rule]]
) -> None:
    """Same parameters, same hash, in every process; other parameters, other counts."""
    assert make().hash == make().hash
    assert len({make().hash, *(other().hash for other in others)}) == 1 + len(others)


@each_rule
@settings(max_examples=60)
@given(event=observables)
def test_groups_can_stand_anywhere(
    make: Callable[[], Rule], event: InferenceEvent | Quarantined | DeadLetter
) -> None:
    """Short printable texts and no request id, the same at every look."""
    rule = make()

    labels = rule.observe(event)

    assert rule.observe(event) == labels
    for text in (labels or {}).values():
        assert text.isprintable()
        assert 0 < len(text) <= MAX_LABEL_CHARS
    assert not {"request_id", "event_id", "job"} & set(labels or {})


@each_rule
def test_an_event_s_request_makes_no_group_of_its_own(make: Callable[[], Rule]) -> None:
    """Otherwise there would be an alert per job, and a storm of them."""
    rule = make()

    for outcome in Outcome:
        assert rule.observe(an_event("r1", outcome=outcome)) == rule.observe(
            an_event("r2", outcome=outcome)
        )


@each_rule
def test_a_summary_is_one_line_with_the_count(make: Callable[[], Rule]) -> None:
    """Somebody reads it on a telephone."""
    summary = make().summarize({"provider": "deepinfra", "model": "bge-m3"}, 17)

    assert "17" in summary
    assert summary.isprintable()


@each_rule
def test_a_group_has_one_alert_per_period(make: Callable[[], Rule]) -> None:
    """Whatever the rule counts: the same events in another order raise the same keys."""
    outcomes = [Outcome.SUCCEEDED, Outcome.FAILED, Outcome.PROGRESS]
    said = [
        an_event(f"r{n}", 25 * n, outcome=outcomes[n % 3], model="ab"[n % 2]) for n in range(60)
    ]

    keys = [_keys(make(), said), _keys(make(), said[::-1]), _keys(make(), said[::2] + said)]

    assert keys[0] == keys[1] == keys[2]


def _keys(rule: Rule, said: list[InferenceEvent]) -> list[str]:
    engine = memory_engine()
    for event in said:
        a_store(engine, Clock(), [rule]).record(observed(event))
    keys = [alert.dedup_key for alert in rows(engine, ALERTS)]
    engine.dispose()
    return keys


@each_rule
def test_a_key_names_rule_group_and_period(make: Callable[[], Rule]) -> None:
    """The order of labels makes no difference, everything else does."""
    rule = make()
    one, same = {"provider": "a", "model": "b"}, {"model": "b", "provider": "a"}

    assert group_key(one) == group_key(same)
    assert dedup_key(rule, one, 7) == dedup_key(rule, same, 7)
    assert dedup_key(rule, one, 7).startswith(f"{rule.name}-")
    assert len({dedup_key(rule, one, 7), dedup_key(rule, one, 8), dedup_key(rule, {}, 7)}) == 3
