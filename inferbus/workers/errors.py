"""Why a service with workers ends."""


class WorkerFailedError(Exception):
    """A worker cannot start: its own line, and the exit status that goes with it."""

    def __init__(self, line: str, status: int) -> None:
        super().__init__(line)
        self.status = status
