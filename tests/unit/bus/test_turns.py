"""One call for all that a turn of the loop brings."""

import asyncio

from bus.turns import OncePerTurn


async def test_many_that_ask_get_one_call_at_the_end_of_the_turn() -> None:
    calls: list[None] = []
    turn = OncePerTurn(lambda: calls.append(None))

    for _ in range(3):
        turn.ask()
    assert not calls
    await asyncio.sleep(0)

    assert len(calls) == 1


async def test_who_asks_during_the_call_gets_another() -> None:
    """What came too late for this one is not forgotten."""
    calls: list[None] = []

    def call() -> None:
        calls.append(None)
        if len(calls) == 1:
            turn.ask()

    turn = OncePerTurn(call)
    turn.ask()
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert len(calls) == 2


def test_without_a_loop_the_call_is_made_at_once() -> None:
    calls: list[None] = []

    OncePerTurn(lambda: calls.append(None)).ask()

    assert len(calls) == 1


async def test_who_waits_goes_on_once_the_call_was_made() -> None:
    """Also after a call that failed, and beside one who waits no longer."""
    calls: list[None] = []

    def call() -> None:
        calls.append(None)
        raise ValueError("nothing of theirs")

    async def ask_and_wait() -> int:
        turn.ask()
        await turn.done()
        return len(calls)

    turn = OncePerTurn(call)
    await turn.done()  # nothing was asked for
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    gone, first, second = (asyncio.ensure_future(ask_and_wait()) for _ in range(3))
    asyncio.get_running_loop().call_soon(gone.cancel)

    assert await asyncio.gather(first, second) == [1, 1]
    assert gone.cancelled()


async def test_what_is_to_follow_is_made_in_the_turn_of_the_call() -> None:
    """At once where no call was asked for, in order where one was."""
    calls: list[str] = []
    turn = OncePerTurn(lambda: calls.append("call"))

    turn.then(lambda: calls.append("before"))
    turn.ask()
    turn.then(lambda: calls.append("first"))
    turn.then(lambda: calls.append("second"))
    assert calls == ["before"]
    await asyncio.sleep(0)

    assert calls == ["before", "call", "first", "second"]
