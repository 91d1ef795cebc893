"""`python -m benchmarks`: measure subjects, keep their results, write the tables."""

import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from benchmarks.bench import Bench
from benchmarks.options import Call, Options, parse
from benchmarks.programs import BenchError
from benchmarks.progress import Progress
from benchmarks.report import pages, results, tables
from benchmarks.report.machine import this_machine
from benchmarks.report.results import Result
from benchmarks.subjects import SUBJECTS
from benchmarks.subjects.subject import Subject


def main(arguments: Sequence[str]) -> int:
    """Return 0 once all was measured, 1 where a subject could not be."""
    call = parse(arguments, list(SUBJECTS))
    if call.lists:
        for subject in SUBJECTS.values():
            print(f"{subject.name:10} {subject.asks}")
        return 0
    measured = _measure_all(call)
    if not sys.stdout.isatty():
        sys.stdout.buffer.write(msgspec.json.encode(measured) + b"\n")
    return 1 if any(result.left_out for result in measured) else 0


def _measure_all(call: Call) -> list[Result]:
    measured = []
    with Progress() as progress, Bench(call.options, progress.say) as bench:
        for subject in (SUBJECTS[name] for name in SUBJECTS if name in call.only):
            progress.begin(subject.name)
            result = _measure(subject, bench, call.options)
            if result.left_out:
                progress.left_out(result.left_out)
            else:
                progress.show(list(result.figures))
            if call.writes:
                _keep(result)
            measured.append(result)
    return measured


def _measure(subject: Subject, bench: Bench, options: Options) -> Result:
    result = Result(
        subject=subject.name,
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        form=options.form,
        rounds=options.rounds,
        seconds=options.seconds,
        machine=this_machine(),
    )
    try:
        return msgspec.structs.replace(result, figures=list(subject.run(bench)))
    except (BenchError, subprocess.SubprocessError, TimeoutError) as error:
        return msgspec.structs.replace(result, left_out=str(error))


def _keep(result: Result) -> None:
    """Write the result, and the page anew out of every subject's latest one."""
    results.write(result)
    kept = [(subject, results.read(name)) for name, subject in SUBJECTS.items()]
    known = [(subject, one) for subject, one in kept if one is not None]
    pages.write("figures", tables.document(known))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
