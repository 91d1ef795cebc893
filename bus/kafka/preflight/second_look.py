"""What answers at an address, after a first attempt went nowhere."""

import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

from bus.kafka.preflight.deadline import Deadline
from bus.kafka.preflight.reach import Address, connect
from bus.kafka.preflight.verdicts import ProbeFailedError
from bus.kafka.preflight.wire import Conversation, HungUpError, StrangerError

Speaker = Literal["kafka", "tls", "web", "stranger", "nobody"]

# Enough for a machine that answers at all; the first attempt has had the whole time.
_EACH_S = 1.0
_WEB = b"HTTP/"


def what_speaks(address: Address) -> Speaker:
    """Return what answers: asked in Kafka's words, by TLS, in a browser's words."""
    looks = (_as_kafka, _as_tls, _as_web)

    def answer(look: Callable[[Address], Speaker]) -> Speaker:
        try:
            return look(address)
        except (OSError, HungUpError, ProbeFailedError):
            return "nobody"

    with ThreadPoolExecutor(len(looks), "inferbus-second-look") as threads:
        answers = list(threads.map(answer, looks))
    return next((speaker for speaker in answers if speaker != "nobody"), "nobody")


def speaker_of(opening: bytes) -> Speaker:
    """Return whose first words these are."""
    if opening.startswith((_WEB, _WEB[:4])):
        return "web"
    # A TLS alert: type 21, then the major version 3.
    return "tls" if opening.startswith(b"\x15\x03") else "stranger"


def _as_kafka(address: Address) -> Speaker:
    with Conversation(connect(address, Deadline(_EACH_S)), _EACH_S) as conversation:
        try:
            conversation.greet()
        except StrangerError as stranger:
            # What is odd to Kafka's ear may still be the start of a TLS alert.
            return speaker_of(stranger.opening)
    return "kafka"


def _as_tls(address: Address) -> Speaker:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is said inside
    sock = connect(address, Deadline(_EACH_S))
    with sock:
        try:
            context.wrap_socket(sock).close()
        except ssl.SSLEOFError:
            return "nobody"
        except ssl.SSLError as error:
            return "tls" if "ALERT" in (error.reason or "") else "nobody"
    return "tls"


def _as_web(address: Address) -> Speaker:
    with connect(address, Deadline(_EACH_S)) as sock:
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        opening = sock.recv(len(_WEB))
    return "web" if opening == _WEB else "nobody"
