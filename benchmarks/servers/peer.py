"""
mq-bridge, the fastest front door to Kafka that installs from a registry: Rust, from PyPI.

    python peer.py PORT PATH BOOTSTRAP_SERVERS TOPIC LARGEST_RECORD_BYTES

Run by the Python of a virtual environment of its own, where it is installed: it is no
dependency of inferbus. Its settings are its defaults, but for the largest record: with the
default it would answer 202 to bodies of 2 MB and drop them.
"""

import sys

from mq_bridge import Route  # type: ignore[import-not-found,unused-ignore]


def main(port: str, path: str, servers: str, topic: str, largest: str) -> None:
    """Serve until ended."""
    options = [["message.max.bytes", largest]]
    kafka = {"url": servers, "topic": topic, "producer_options": options}
    http = {"url": f"127.0.0.1:{port}", "path": path}
    Route.from_config({"input": {"http": http}, "output": {"kafka": kafka}}).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
