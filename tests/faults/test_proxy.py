"""What the proxy does to an answer."""

import pytest
from kafka.protocol.producer import ProduceResponse

from tests.faults.proxy import with_error

Topic = ProduceResponse.TopicProduceResponse
Partition = Topic.PartitionProduceResponse


@pytest.mark.parametrize("version", [3, 8, 9, 12])
def test_an_answer_keeps_all_but_its_success(version: int) -> None:
    partition = Partition(index=2, error_code=0, base_offset=5, log_append_time_ms=-1)
    answer = ProduceResponse(responses=[Topic(name="t", partition_responses=[partition])])
    head = b"\0\0\0\7" + (b"\0" if ProduceResponse.flexible_version_q(version) else b"")
    frame = head + bytes(answer.encode(version=version))

    changed = with_error(frame, version, 10)

    assert changed[: len(head)] == head
    said = ProduceResponse.decode(changed, version=version, header=True).responses[0]
    assert (said.name, said.partition_responses[0].index) == ("t", 2)
    assert said.partition_responses[0].error_code == 10
