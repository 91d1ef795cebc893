"""Our choice of partitions is Kafka's own."""

from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2 as client_murmur2

from bus.partitioner import Partitioner, murmur2, partition_of_key


@given(st.binary(max_size=200))
def test_murmur2_is_the_one_of_kafkas_clients(key: bytes) -> None:
    """Another client that publishes the same key must choose the same partition."""
    assert murmur2(key) & 0x7FFFFFFF == client_murmur2(key) & 0x7FFFFFFF


@given(st.binary(), st.integers(1, 1000))
def test_a_key_always_has_the_same_partition_within_range(key: bytes, partitions: int) -> None:
    """Whoever asks, and however often."""
    chosen = Partitioner().choose(key, partitions)

    assert chosen == partition_of_key(key, partitions)
    assert 0 <= chosen < partitions


def test_records_without_key_go_round() -> None:
    """Each partition gets its turn."""
    partitioner = Partitioner()

    assert [partitioner.choose(None, 3) for _ in range(6)] == [0, 1, 2, 0, 1, 2]
