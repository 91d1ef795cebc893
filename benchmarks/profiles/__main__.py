"""
`python -m benchmarks.profiles [ingress|storage] [--seconds S]`.

Takes a profile of the running service, keeps it beside the one before, and writes both into
docs/performance.md. Needs py-spy (`make profile` installs it) and the right to look at other
processes (root, or CAP_SYS_PTRACE in a container).
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from benchmarks.bench import Bench
from benchmarks.options import SHORT
from benchmarks.profiles.stacks import Profile, Share, shares
from benchmarks.profiles.targets import TARGETS
from benchmarks.programs import BenchError
from benchmarks.progress import Progress
from benchmarks.report import pages
from benchmarks.report.machine import this_machine
from benchmarks.report.results import FOLDER

_ROWS = 30_000
_SHOWN_GROUPS = 20
_SHOWN_FUNCTIONS = 25


class Kept(msgspec.Struct, frozen=True):
    """The last profile of a target, and the one before it."""

    now: Profile
    before: Profile | None = None


def main(arguments: Sequence[str]) -> int:
    """Return 0 once every profile is taken and written."""
    given = _parser().parse_args(arguments)
    with Progress() as progress, Bench(replace(SHORT, rows=_ROWS), progress.say) as bench:
        for name in [given.target] if given.target else TARGETS:
            progress.begin(f"profile of {name}")
            try:
                kept = _keep(_profile(name, bench, given.seconds))
            except BenchError as error:
                progress.left_out(str(error))
                return 1
            pages.write(f"profile of {name}", table(kept))
            print(table(kept))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profiles")
    parser.add_argument("target", nargs="?", choices=TARGETS, help="all of them unless named")
    parser.add_argument("--seconds", type=float, default=10.0)
    return parser


def _profile(name: str, bench: Bench, seconds: float) -> Profile:
    load, stacks = TARGETS[name](bench, seconds)
    samples, groups, functions = shares(stacks)
    return Profile(
        target=name,
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        commit=this_machine().commit,
        load=load,
        samples=samples,
        groups=groups[:_SHOWN_GROUPS],
        functions=[each for each in functions if _says_something(each)][:_SHOWN_FUNCTIONS],
    )


def _says_something(share: Share) -> bool:
    """Tell whether a function is none of those that lie below every stack."""
    below = (
        "inferbus/cli",
        "inferbus/commands",
        "typer",
        "asyncio",
        "threading",
        "bin/",
        "_pyrepl",
    )
    return not any(part in share.name.partition(":")[0] for part in below)


def _keep(profile: Profile, folder: Path = FOLDER) -> Kept:
    path = folder / f"profile-{profile.target}.json"
    last = msgspec.json.decode(path.read_bytes(), type=Kept).now if path.exists() else None
    kept = Kept(profile, last)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(kept)) + b"\n")
    return kept


def table(kept: Kept) -> str:
    """Return both profiles as markdown: by what the time was for, and by function."""
    now = kept.now
    taken = f"{now.date}, commit {now.commit}, {now.samples:,} samples: {now.load}."
    if kept.before is not None:
        taken += f" Before: {kept.before.date}, commit {kept.before.commit}."
    before = kept.before
    groups = _rows("for", now.groups, before.groups if before else ())
    functions = _rows(
        "function, with all it calls", now.functions, before.functions if before else ()
    )
    return f"{taken}\n\n{groups}\n\n{functions}"


def _rows(head: str, now: Sequence[Share], before: Sequence[Share]) -> str:
    known = {each.name: each.total for each in before}
    lines = [f"| {head} | share | before |", "| --- | --- | --- |"]
    for each in now:
        was = f"{known[each.name]:.1%}" if each.name in known else ""
        lines.append(f"| `{each.name}` | {each.total:.1%} | {was} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
