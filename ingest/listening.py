"""The listening sockets: made here, so that they can be handed to several workers."""

import asyncio
import socket
from collections.abc import Sequence

# Connections that wait to be accepted; the kernel's own cap is usually 4096.
BACKLOG = 4096


def listen(host: str, port: int) -> list[socket.socket]:
    """
    Listen on every address that `host` stands for; port 0 takes a free one.

    Raises OSError where an address is taken or not ours.
    """
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    try:
        for family, address in dict.fromkeys((info[0], info[4]) for info in infos):
            sockets.append(socket.socket(family, socket.SOCK_STREAM))
            _bind(sockets[-1], address)
    except BaseException:
        close_all(sockets)
        raise
    return sockets


async def take_no_more(sockets: Sequence[socket.socket]) -> None:
    """
    Have the running loop take no more connections from them; return before they may be closed.

    asyncio makes the protocol of a connection one turn after it took it, and drops the
    connection without a word where its `Server` was closed meanwhile (`Server._attach`,
    Python 3.11): the sender would see a reset.
    """
    for each in sockets:
        asyncio.get_running_loop().remove_reader(each)
    await asyncio.sleep(0)


def close_all(sockets: Sequence[socket.socket]) -> None:
    """Close them; another process that holds them goes on listening."""
    for each in sockets:
        each.close()


def base_url(host: str, sockets: Sequence[socket.socket]) -> str:
    """Return the URL of what listens there, with the real port."""
    port = sockets[0].getsockname()[1]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _bind(listener: socket.socket, address: tuple[object, ...]) -> None:
    listener.setblocking(False)
    # A restarted service need not wait for its former connections' time-outs.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if listener.family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind(address)
    listener.listen(BACKLOG)
