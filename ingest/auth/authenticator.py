"""The methods together: by the head where one suffices, else by the body."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from ingest.auth.base import BodyMethod, Claim, Head, HeadMethod, UnauthenticatedError
from ingest.auth.failures import Failures
from ingest.auth.sources import Sources
from schemas.callback import Capability

# Below this an HMAC takes less than a thread's start.
_INLINE_BYTES = 262_144


class TooManyFailuresError(UnauthenticatedError):
    """The source failed too often lately; what it showed was looked at all the same."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A delivery that only its body can authenticate."""

    head: Head
    claims: Sequence[Claim]


@dataclass(frozen=True, slots=True)
class Authenticator:
    """
    Any one of the methods suffices, from an address that is allowed.

    What is shown is verified first and only failures are counted, so that a valid credential
    passes whatever others behind the same address do.
    """

    by_head: Sequence[HeadMethod]
    by_body: Sequence[BodyMethod] = ()
    sources: Sources = field(default_factory=Sources)
    failures: Failures = field(default_factory=lambda: Failures(time.monotonic))

    def admit(self, head: Head, now_s: float) -> Capability | Pending:
        """
        Return what the sender may say, or what its body has still to prove.

        Raises `UnauthenticatedError` where no body could prove it, `TooManyFailuresError`
        where the source has failed too often besides.
        """
        if not self.sources.allows(head):
            raise self._failed(head)
        for method in self.by_head:
            capability = method.by_head(head)
            if capability is not None:
                return capability
        claims = [claim for method in self.by_body if (claim := method.claim(head, now_s))]
        if not claims:
            raise self._failed(head)
        return Pending(head, claims)

    async def confirm(self, admitted: Capability | Pending, body: bytes) -> Capability:
        """Return what the sender may say now that the body is there; raises like `admit`."""
        if isinstance(admitted, Capability):
            return admitted
        if len(body) <= _INLINE_BYTES:
            proved = _proved(admitted.claims, body)
        else:
            proved = await asyncio.to_thread(_proved, admitted.claims, body)
        if proved is None:
            raise self._failed(admitted.head)
        return proved

    def _failed(self, head: Head) -> UnauthenticatedError:
        if self.failures.add(self.sources.key(head)):
            return TooManyFailuresError()
        return UnauthenticatedError()


def _proved(claims: Sequence[Claim], body: bytes) -> Capability | None:
    proofs = (claim.holds_for(body) for claim in claims)
    return next((proof for proof in proofs if proof is not None), None)
