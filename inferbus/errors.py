"""What ends a command early; each is one line that says what to do."""


class ProblemError(Exception):
    """The command met a problem: its message on stderr, exit status 1."""


class WrongUsageError(Exception):
    """The command was called or configured wrongly: its message on stderr, exit status 2."""
