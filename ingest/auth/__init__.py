"""Who may post: any one of the methods suffices, from an address that is allowed."""

from ingest.auth.authenticator import Authenticator, Pending, TooManyFailuresError
from ingest.auth.base import Head, UnauthenticatedError
from ingest.auth.bearer import Bearer
from ingest.auth.configured import authenticator_from, static_tokens

__all__ = [
    "Authenticator",
    "Bearer",
    "Head",
    "Pending",
    "TooManyFailuresError",
    "UnauthenticatedError",
    "authenticator_from",
    "static_tokens",
]
