"""`inferbus topics`: create or verify the topics."""

from contextlib import closing
from pathlib import Path
from typing import Literal

from bus.kafka import KafkaBus
from bus.kafka.preflight.topics import check_cluster
from bus.runtime.settings import Settings
from bus.topics import check_topics, ensure_topics
from inferbus.context import command_settings
from inferbus.output import emit, report_problems
from schemas.topics import TopicNames


def run(
    action: Literal["create", "check"], *, json: bool = False, data_dir: Path | None = None
) -> int:
    """Create the missing topics, or return 1 with a line for each that is not as it should be."""
    settings = command_settings(data_dir)
    names = TopicNames(settings.topics.prefix)
    if action == "check":
        fine = f"all {len(names.all)} topics are as they should be"
        return report_problems(_problems(settings, names), json, otherwise=fine)
    with closing(KafkaBus(settings.kafka).admin()) as admin:
        created = ensure_topics(admin, names, settings.topics)
    return _list(created, names, json=json)


def _problems(settings: Settings, names: TopicNames) -> list[str]:
    found, can_look_further = check_cluster(settings.kafka, settings.topics)
    lines = [problem.message for problem in found]
    if can_look_further:
        with closing(KafkaBus(settings.kafka).admin()) as admin:
            lines += check_topics(admin, names, settings.topics)
    return list(dict.fromkeys(lines))


def _list(created: list[str], names: TopicNames, *, json: bool) -> int:
    rows = [
        {"topic": name, "state": "created" if name in created else "there"} for name in names.all
    ]
    emit(rows, json, ("topic", "state"))
    return 0
