"""How large a record may be, checked before it is queued."""

from bus.errors import RecordRefusedError
from bus.records import Record
from schemas.topics import MAX_RECORD_BYTES

# A parked record carries its whole original plus headers; it must fit wherever that fitted.
PARKING_ROOM = 65_536
MAX_PUBLISH_BYTES = MAX_RECORD_BYTES + PARKING_ROOM
# A record batch of one record: 61 bytes of batch header and up to 27 of record frame.
FRAME_BYTES = 88


def refuse_oversized(record: Record, max_bytes: int) -> None:
    """Raise `RecordRefusedError` where the record cannot fit into a batch of `max_bytes`."""
    size = record.size + FRAME_BYTES
    if size > max_bytes:
        raise RecordRefusedError(
            f"record for {record.topic} takes {size} bytes, {max_bytes} is the limit: "
            "put the body into the blob store"
        )
