"""Where the stack is: already given by the environment (inside the network), or brought up."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from addresses import Addresses
from compose import SIGNING_KEY, Images, Stack, Stacks, forget_dead_runs
from plans import EVERYTHING, PLAIN

_HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def stacks() -> Iterator[Stacks]:
    """Compose stacks, one at a time, on images of this run's own; all removed afterwards."""
    # Not in the container, where these tests are alone.
    from tests.support.engine import image_variables, why_no_engine

    reason = why_no_engine()
    if reason is not None:
        pytest.skip(f"the container stack: {reason}")
    forget_dead_runs()
    images = Images(image_variables())
    stacks = Stacks(images)
    try:
        images.build()
        yield stacks
    finally:
        stacks.close()
        images.remove()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End the last stack with its last test: an idle one takes a fifth of a processor."""
    running = getattr(item, "funcargs", {}).get("stacks")
    if running is not None and (nextitem is None or _HERE not in nextitem.path.parents):
        running.close()


@pytest.fixture
def stack(stacks: Stacks) -> Stack:
    """One broker, SQLite, Prometheus and Alertmanager."""
    return stacks.give(PLAIN)


@pytest.fixture
def everything(stacks: Stacks) -> Stack:
    """Three brokers, PostgreSQL and the simulator."""
    return stacks.give(EVERYTHING)


@pytest.fixture
def addresses(request: pytest.FixtureRequest) -> Addresses:
    """The stack's addresses, from inside or outside the network."""
    inside = os.environ.get("INFERBUS_TEST_STACK_INGEST")
    if inside:
        key = Path(SIGNING_KEY).read_text(encoding="utf-8")
        return Addresses(inside, os.environ["INFERBUS_TEST_STACK_KAFKA"], key)
    stack: Stack = request.getfixturevalue("stack")
    return stack.addresses
