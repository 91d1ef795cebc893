"""`python -m benchmarks.load`: a plan as JSON on standard input, its load on standard output."""

import gc
import sys

import msgspec

from benchmarks.load.client import Client
from benchmarks.load.plan import Plan

if __name__ == "__main__":
    client = Client(msgspec.json.decode(sys.stdin.buffer.read(), type=Plan))
    gc.disable()  # it makes no cycles, and a pause would look like the server's
    sys.stdout.buffer.write(msgspec.json.encode(client.run()))
