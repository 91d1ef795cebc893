"""
A PostgreSQL for tests: a database of its own for each test, and a server to break.

    with database(url_of_a_server) as url: ...

    with PostgresServer() as server:
        server.kill()
        server.start()

`PostgresServer` needs Debian's binaries; `why_no_binaries` says whether they are there.
"""

from .database import connection, database, run
from .server import PostgresServer, server_version, why_no_binaries

__all__ = ["PostgresServer", "connection", "database", "run", "server_version", "why_no_binaries"]
