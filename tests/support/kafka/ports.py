"""TCP ports that stay ours from the choice to the end of the cluster."""

import socket
import sys
from contextlib import ExitStack

# Docker counts the ports that it publishes up from here, and asks for each by its number.
_CONTAINERS = range(32768, 33768)


class ReservedPorts(ExitStack):
    """
    Reserve ports on 127.0.0.1 until closed.

    Each is held by a bound socket that never listens. Linux lets Java bind the
    same port meanwhile, as both set SO_REUSEADDR and only one listens, but gives
    it to nobody who asks for just any port. So a restarted node finds its port
    again, and a port nobody listens on refuses connections for sure.
    """

    def reserve(self) -> int:
        """Return a port that no other program will be given."""
        while (port := self._any_port()) in _CONTAINERS:
            pass
        return port

    def _any_port(self) -> int:
        holder = self.enter_context(socket.socket())
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port: int = holder.getsockname()[1]
        if sys.platform != "linux":
            holder.close()  # elsewhere it would keep Java out too
        return port
