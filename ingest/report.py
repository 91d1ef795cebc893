"""What became of a delivery: for the sender, the log line, and whoever watches."""

from collections.abc import Mapping

import msgspec

from schemas.event import Outcome


class EventReceipt(msgspec.Struct, frozen=True, gc=False):
    """One event of a delivery and where its record lies; no position while only spooled."""

    event_id: str
    outcome: Outcome
    topic: str
    partition: int | None = None
    offset: int | None = None

    def as_json(self) -> dict[str, object]:
        """Return the receipt as the sender gets it."""
        return {
            "event_id": self.event_id,
            "outcome": self.outcome,
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
        }


class Answer(msgspec.Struct, frozen=True, gc=False):
    """
    What a delivery is answered: `published`, `duplicate`, `spooled`, `quarantined` or `refused`.

    `durability` names what guarantees it, None where nothing does (`refused`).
    """

    status: str
    durability: str | None = None
    events: tuple[EventReceipt, ...] = ()
    reason: str | None = None
    detail: str | None = None
    model: str | None = None

    def as_json(self) -> Mapping[str, object]:
        """Return the members of the HTTP answer."""
        if self.status == "refused":
            return {"status": self.status, "reason": self.reason, "detail": self.detail}
        events = [receipt.as_json() for receipt in self.events]
        why = {} if self.reason is None else {"reason": self.reason, "detail": self.detail}
        return {"status": self.status, **why, "durability": self.durability, "events": events}


def refused(reason: str, detail: str) -> Answer:
    """Return the answer of a delivery that nothing of ours keeps."""
    return Answer("refused", reason=reason, detail=detail)


class DeliveryReport(msgspec.Struct, frozen=True, gc=False):
    """One answered delivery, for whoever watches."""

    provider: str
    answer: Answer
    http_status: int
    body_bytes: int
    duration_s: float
    error: str | None = None

    @property
    def status(self) -> str:
        """What it was answered."""
        return self.answer.status

    @property
    def reason(self) -> str | None:
        """Why, where it was quarantined or refused."""
        return self.answer.reason

    @property
    def events(self) -> tuple[EventReceipt, ...]:
        """Its events' receipts."""
        return self.answer.events

    @property
    def model(self) -> str | None:
        """The model its callback URL names."""
        return self.answer.model
