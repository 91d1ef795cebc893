"""What goes wrong in a spool."""


class SpoolError(Exception):
    """The entry is not durable here; the message says why."""


class SpoolFullError(SpoolError):
    """The spool has reached its limit in bytes."""


class SpoolInUseError(SpoolError):
    """Another process holds the lock on the spool's folder."""
