"""How long and how much: the short form, the full form, and the command line over both."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Options:
    """
    How a run is sized.

    `seconds` is the length of one turn of one contender in one round; `restarts` are the
    rounds of what starts processes anew in each; `rows` are read and stored by a consumer in
    one round, `backlog` is what catch-up reads, `stored` the rows that a table holds already
    where growth is measured, `hour` the mixed deliveries after which memory is looked at.
    """

    form: str
    rounds: int
    restarts: int
    seconds: float
    rows: int
    backlog: int
    stored: int
    hour: int


SHORT = Options(
    "short",
    rounds=3,
    restarts=2,
    seconds=0.5,
    rows=40_000,
    backlog=10_000,
    stored=20_000,
    hour=2_000,
)
# All of it in half an hour on two cores that nobody else uses.
FULL = Options(
    "full",
    rounds=5,
    restarts=3,
    seconds=2.0,
    rows=100_000,
    backlog=1_000_000,
    stored=500_000,
    hour=36_000,  # ten a second
)


_SIZES = tuple(field.name for field in fields(Options) if field.name != "form")


@dataclass(frozen=True, slots=True)
class Call:
    """What the command line asks for."""

    options: Options
    only: Sequence[str]
    lists: bool
    writes: bool


def parse(arguments: Sequence[str], subjects: Sequence[str]) -> Call:
    """Read the command line; ends the process with 2 where it is wrong."""
    given = _parser(subjects).parse_args(arguments)
    form = FULL if given.full else SHORT
    sized = {
        name: value if (value := getattr(given, name)) is not None else getattr(form, name)
        for name in _SIZES
    }
    return Call(Options(form.form, **sized), given.only or subjects, given.list, not given.dry)


def _parser(subjects: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure inferbus beside baselines, write benchmarks/results/ and the"
        " tables of docs/performance.md.",
    )
    parser.add_argument("--list", action="store_true", help="say what there is, measure nothing")
    parser.add_argument(
        "--only", action="append", choices=subjects, metavar="SUBJECT", help="may be repeated"
    )
    parser.add_argument("--full", action="store_true", help="the long form")
    parser.add_argument("--dry", action="store_true", help="write no file, only print")
    parser.add_argument("--rounds", type=_at_least_one, metavar="N")
    parser.add_argument("--restarts", type=_at_least_one, metavar="N")
    parser.add_argument("--seconds", type=float, metavar="S", help="of one turn in one round")
    parser.add_argument(
        "--rows", type=_at_least_one, metavar="N", help="a consumer's, in one round"
    )
    parser.add_argument("--backlog", type=_at_least_one, metavar="N", help="of catch-up")
    parser.add_argument("--stored", type=_at_least_one, metavar="N", help="before growth is seen")
    parser.add_argument("--hour", type=_at_least_one, metavar="N", help="deliveries, for memory")
    return parser


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number
