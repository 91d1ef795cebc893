"""
The in-process twin of Kafka: everything of `bus.protocols`, nothing outside this process.

It serves tests. It may be told to be down, slow, to fail or to lose acknowledgements:
see `Faults`, at `MemoryBus().faults`.
"""

from bus.memory.bus import MemoryBus
from bus.memory.faults import Faults

__all__ = ["Faults", "MemoryBus"]
