"""Reading answers: as little of HTTP as counting them takes."""

_HEAD_END = b"\r\n\r\n"


class AnswerError(Exception):
    """The server does not speak the HTTP/1.1 that is read here."""


def complete(data: bytes) -> bool:
    """Tell whether `data` is one whole answer; raises `AnswerError` for what is none."""
    end = data.find(_HEAD_END)
    if end < 0:
        return False
    return len(data) >= end + len(_HEAD_END) + _content_length(data[:end])


def status_of(data: bytes) -> str:
    """Return the three digits of the status."""
    return data[9:12].decode("ascii")


def is_spooled(data: bytes) -> bool:
    """Tell whether the answer names the spool as what keeps the delivery."""
    return b'"durability":"spool"' in data


def _content_length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    if found:
        return int(rest.split(b"\r\n", 1)[0])
    if b"transfer-encoding" in head.lower():
        raise AnswerError("chunked answers are not read")
    return 0
