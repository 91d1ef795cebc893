"""One hostile body, and what must come of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

QUARANTINE = ("not-json", "not-utf8", "not-object", "too-deep", "duplicate-key", "no-status")


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """
    A body, authentic and complete.

    `verdict` is an event's outcome or a reason for quarantine; `row` are columns of the event
    that must hold just this. A `request_id` of None says that the content must name the job.
    """

    name: str
    body: bytes = field(repr=False)
    verdict: str = "succeeded"
    row: Mapping[str, object] = field(default_factory=dict)
    provider: str = "deepinfra"

    @property
    def is_quarantined(self) -> bool:
        """Whether it must not become an event."""
        return self.verdict in QUARANTINE


def envelope(
    name: str,
    *,
    members: bytes = b"",
    status: bytes = b'"status":"succeeded"',
    request: bytes = b"",
) -> bytes:
    """
    Return a body in DeepInfra's form: its id is the case's name unless it is given.

    `members` follow at top level, `status` is what stands in `inference_status`.
    """
    request = request or b'"%b"' % name.encode()
    more = b"," + members if members else b""
    return b'{"request_id":%b,"inference_status":{%b}%b}' % (request, status, more)
