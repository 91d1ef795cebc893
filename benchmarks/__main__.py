"""`python -m benchmarks`: measure subjects, keep their results, write the tables."""

import sys
import time
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
        chosen = [SUBJECTS[name] for name in SUBJECTS if name in call.only]
        for number, subject in enumerate(chosen, 1):
            progress.begin(subject.name, f"{number} of {len(chosen)}")
            result = _measure(subject, bench, call.options)
            if result.left_out:
                progress.left_out(result.left_out)
            else:
                progress.show(list(result.figures), result.took_s)
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
        restarts=options.restarts,
        rows=options.rows,
        machine=this_machine(),
    )
    started = time.perf_counter()
    try:
        figures = list(subject.run(bench))
    except Exception as error:  # noqa: BLE001 - it is reported; the subjects after it go on
        why = str(error) if isinstance(error, BenchError) else f"{type(error).__name__}: {error}"
        return msgspec.structs.replace(result, left_out=why)
    return msgspec.structs.replace(result, figures=figures, took_s=time.perf_counter() - started)


def _keep(result: Result) -> None:
    """Write the result, and the page anew out of every subject's latest one."""
    results.write(result)
    kept = [(subject, results.read(name)) for name, subject in SUBJECTS.items()]
    known = [(subject, one) for subject, one in kept if one is not None]
    pages.write("figures", tables.document(known))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
