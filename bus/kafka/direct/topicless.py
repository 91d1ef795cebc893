"""Records whose topic's partitions are not known yet."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from bus.kafka.direct.leaders import Leaders
from bus.kafka.outbox import Send

# A topic that was just made is not known to every broker at once.
_PATIENCE_S = 1.0
# An answer that comes now may have been asked for before the topic was named; the second not.
_ANSWERS = 2


@dataclass(slots=True)
class _Topic:
    sends: deque[Send] = field(default_factory=deque)
    lacking: int = 0
    lacking_since: float = 0.0

    def is_missing(self, now: float) -> bool:
        """Tell whether enough answers, over a long enough time, have not named it."""
        return self.lacking >= _ANSWERS and now - self.lacking_since >= _PATIENCE_S


class Topicless:
    """Sends by topic, in their order, until the cluster has told of the topic or has not."""

    def __init__(self) -> None:
        self._topics: dict[str, _Topic] = {}

    def __bool__(self) -> bool:
        return bool(self._topics)

    def __contains__(self, topic: str) -> bool:
        return topic in self._topics

    def sends(self) -> list[Send]:
        """Return all that wait."""
        return [send for topic in self._topics.values() for send in topic.sends]

    def add(self, send: Send) -> bool:
        """Let it wait; return whether it is the first of its topic."""
        name = send.record.topic
        is_new = name not in self._topics
        self._topics.setdefault(name, _Topic()).sends.append(send)
        return is_new

    def add_before(self, topic: str, sends: Iterable[Send]) -> bool:
        """Let older ones wait before those that do; return whether they are the first."""
        is_new = topic not in self._topics
        self._topics.setdefault(topic, _Topic()).sends.extendleft(reversed(list(sends)))
        return is_new

    def told(self, leaders: Leaders, now: float) -> list[Send]:
        """Return, and keep no longer, those whose topic is known or denied by now."""
        found: list[Send] = []
        for name, topic in list(self._topics.items()):
            if leaders.partitions(name) is not None or name in leaders.denied:
                found += self._topics.pop(name).sends
                continue
            if not topic.lacking:
                topic.lacking_since = now
            topic.lacking += 1
        return found

    def missing(self, now: float) -> list[str]:
        """Return the topics that do not exist."""
        return [name for name, topic in self._topics.items() if topic.is_missing(now)]

    def pop(self, topic: str) -> deque[Send]:
        """Return a topic's sends, and keep them no longer."""
        return self._topics.pop(topic).sends

    def drop_answered(self) -> None:
        """Forget those that were answered for."""
        for topic in self._topics.values():
            while topic.sends and topic.sends[0].is_answered:
                topic.sends.popleft()

    def begin_anew(self) -> list[str]:
        """Count no answer of another connection; return the topics that are waited for."""
        for topic in self._topics.values():
            topic.lacking = 0
        return list(self._topics)
