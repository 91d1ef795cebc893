"""Where the stack is: already given by the environment (inside the network), or brought up."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from addresses import Addresses
from compose import Stack

SIGNING_KEY = "/data/secrets/INFERBUS_INGEST__SIGNING_KEYS"


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The compose stack on ports and volumes of its own, removed afterwards."""
    # Not in the container, where these tests are alone.
    from tests.support.engine import image_variables, why_no_engine

    reason = why_no_engine()
    if reason is not None:
        pytest.skip(f"the container stack: {reason}")
    stack = Stack(image_variables())
    try:
        stack.build()
        stack.up()
        yield stack
    finally:
        stack.down(and_forget=True)
        stack.remove_images()


@pytest.fixture(scope="session")
def addresses(request: pytest.FixtureRequest) -> Addresses:
    """The stack's addresses, from inside or outside the network."""
    inside = os.environ.get("INFERBUS_TEST_STACK_INGEST")
    if inside:
        key = Path(SIGNING_KEY).read_text(encoding="utf-8")
        return Addresses(inside, os.environ["INFERBUS_TEST_STACK_KAFKA"], key)
    stack: Stack = request.getfixturevalue("stack")
    return Addresses(
        ingest=f"http://127.0.0.1:{stack.ports['INGEST_PORT']}",
        kafka=f"127.0.0.1:{stack.ports['KAFKA_PORT']}",
        signing_key=stack.compose("exec", "--no-TTY", "ingest", "cat", SIGNING_KEY),
    )
