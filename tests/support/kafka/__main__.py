"""``python -m tests.support.kafka``: fetch and prepare Kafka."""

import sys

from . import KafkaUnavailableError, ensure_distribution


def main() -> int:
    """Return 0 when Kafka is ready, 1 with one line on stderr when it cannot be."""
    try:
        ensure_distribution()
    except KafkaUnavailableError as error:
        print(f"no Kafka for the tests: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
