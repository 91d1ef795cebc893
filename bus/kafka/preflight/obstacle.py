"""What the client's own words hide: the first thing that keeps it from its work."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bus.errors import BusUnavailableError
from bus.kafka.preflight.access import check_access
from bus.kafka.preflight.probe import STEP_S, addresses, check_connection
from bus.kafka.preflight.rights import Right
from bus.kafka.preflight.verdicts import Problem
from bus.runtime.settings_sections import KafkaSettings


def first_obstacle(
    settings: KafkaSettings, rights: Sequence[Right] = (), timeout_s: float = STEP_S
) -> list[Problem]:
    """
    Return the one problem that keeps a client from its work, an empty list where there is none.

    A bootstrap server that is down is no obstacle while another one can be used. Blocking.
    """
    found = check_connection(settings, timeout_s)
    if not is_usable(settings, found):
        return found[:1]
    return check_access(settings, rights, timeout_s)[:1] if rights else []


def is_usable(settings: KafkaSettings, found: Sequence[Problem]) -> bool:
    """Tell whether any server is left with which `check_connection` found no fault."""
    faulty = {problem.server for problem in found}
    # A fault of our own files or tokens names no server: it keeps us from all of them.
    return "" not in faulty and any(str(at) not in faulty for at in addresses(settings))


@contextmanager
def explained(settings: KafkaSettings, rights: Sequence[Right] = ()) -> Iterator[None]:
    """Let a `BusUnavailableError` from within say what is wrong, where the preflight knows."""
    try:
        yield
    except BusUnavailableError as error:
        obstacles = first_obstacle(settings, rights)
        if not obstacles:
            raise
        raise BusUnavailableError(obstacles[0].message) from error
