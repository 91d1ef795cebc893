"""`inferbus topics`: create or verify the topics."""

from pathlib import Path
from typing import Literal

from bus.kafka import KafkaBus
from bus.topics import check_topics, ensure_topics
from inferbus.context import command_settings
from inferbus.output import complain, emit, say
from schemas.topics import TopicNames


def run(
    action: Literal["create", "check"], *, json: bool = False, data_dir: Path | None = None
) -> int:
    """Create the missing topics, or return 1 with a line for each that is not as it should be."""
    settings = command_settings(data_dir)
    names = TopicNames(settings.topics.prefix)
    admin = KafkaBus(settings.kafka).admin()
    try:
        if action == "check":
            return _report(check_topics(admin, names, settings.topics), names, json=json)
        created = ensure_topics(admin, names, settings.topics)
    finally:
        admin.close()
    return _list(created, names, json=json)


def _list(created: list[str], names: TopicNames, *, json: bool) -> int:
    rows = [
        {"topic": name, "state": "created" if name in created else "there"} for name in names.all
    ]
    emit(rows, json, ("topic", "state"))
    return 0


def _report(problems: list[str], names: TopicNames, *, json: bool) -> int:
    if json:
        emit([{"problem": problem} for problem in problems], json, ("problem",))
        return 1 if problems else 0
    for problem in problems:
        complain(problem)
    if not problems:
        say(f"all {len(names.all)} topics are as they should be")
    return 1 if problems else 0
