"""
Publishing without kafka-python's producer: record batches of our own, on its connections.

`batch` encodes, `lane` keeps a partition's order, `dispatcher` decides what goes and what its
answer means, `wire` is the only module that touches a connection, `publisher` is the thread.
"""

from bus.kafka.direct.publisher import DirectPublisher
from bus.kafka.direct.wire import connect

__all__ = ["DirectPublisher", "connect"]
