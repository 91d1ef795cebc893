"""Whether each bootstrap server can be used, and each broker it tells of."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bus.kafka.preflight.opening import Opener
from bus.kafka.preflight.reach import Address
from bus.kafka.preflight.verdicts import ProbeFailedError, Problem, problem
from bus.kafka.preflight.wire import (
    Conversation,
    HungUpError,
    StrangerError,
    UnsupportedRequestError,
)
from bus.runtime.settings_sections import KafkaSettings

STEP_S = 5.0
_AT_ONCE = 8
_NO_CONNECTION = {"refused", "connect-timeout", "unreachable"}


def check_connection(settings: KafkaSettings, timeout_s: float = STEP_S) -> list[Problem]:
    """
    Return what keeps this machine from using Kafka, an empty list where nothing does.

    Takes the steps a client takes - name, port, TLS, login, metadata, the advertised
    addresses - on every bootstrap server, and says which failed. Blocking: each step may take
    `timeout_s`, a server that is merely down takes milliseconds. Raises nothing.
    """
    servers = addresses(settings)
    known = frozenset(servers)

    def check(address: Address) -> list[Problem]:
        return _check_server(Opener(address, settings, timeout_s), known)

    return _unique(found for found_here in _each(check, servers) for found in found_here)


def addresses(settings: KafkaSettings) -> list[Address]:
    """Return the bootstrap servers."""
    return [Address.parse(text) for text in settings.bootstrap_servers.split(",")]


def asking(
    settings: KafkaSettings,
    step_s: float,
    ask: Callable[[Opener, Conversation], list[Problem]],
) -> list[Problem]:
    """Return what `ask` finds with the first server that lets us in, or why none does."""
    refusals = []
    for address in addresses(settings):
        opener = Opener(address, settings, step_s)
        try:
            with opener.open().conversation as conversation:
                return ask(opener, conversation)
        except ProbeFailedError as error:
            refusals.append(error.problem)
        except TimeoutError:
            refusals.append(problem("silent", str(address), waited=step_s))
        except (OSError, HungUpError, StrangerError, UnsupportedRequestError):
            refusals.append(problem("hung-up", str(address)))
    return refusals[:1]


def _check_server(opener: Opener, known: frozenset[Address]) -> list[Problem]:
    try:
        opened = opener.open()
    except ProbeFailedError as error:
        return [error.problem]
    opened.conversation.close()

    def check(broker: Any) -> list[Problem]:
        return _check_advertised(opener, broker)

    others = [b for b in opened.brokers if Address(b.host, b.port) not in known]
    return [found for found_here in _each(check, others) for found in found_here]


def _check_advertised(opener: Opener, broker: Any) -> list[Problem]:
    advertised = Address(broker.host, broker.port)
    try:
        Opener(advertised, opener.settings, opener.step_s).open().conversation.close()
    except ProbeFailedError as error:
        facts = {"node": broker.node_id, "advertised": advertised}
        server = str(opener.address)
        if error.problem.code == "unresolved":
            return [problem("advertised-unresolved", server, **facts)]
        if error.problem.code in _NO_CONNECTION:
            return [problem("advertised-unreachable", server, **facts)]
        return [problem("advertised-wrong", server, problem=error.problem.message, **facts)]
    return []


def _each(check: Any, items: list[Any]) -> list[list[Problem]]:
    if not items:
        return []
    with ThreadPoolExecutor(min(len(items), _AT_ONCE), "inferbus-preflight") as threads:
        return list(threads.map(check, items))


def _unique(problems: Iterable[Problem]) -> list[Problem]:
    """Drop repeats: what is wrong with our own files is found on every server."""
    return list({found.message: found for found in problems}.values())
