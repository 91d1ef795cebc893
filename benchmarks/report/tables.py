"""Results as markdown."""

from collections.abc import Iterable, Sequence

from benchmarks.figures import Figure, Spread
from benchmarks.report.machine import Machine
from benchmarks.report.results import Result
from benchmarks.subjects.subject import Subject

_HEAD = ("case", "measure", "inferbus", "baseline", "ratio", "aim")


def document(results: Sequence[tuple[Subject, Result]]) -> str:
    """Return the part of the documentation that is measured: every subject's table."""
    parts = [part for subject, result in results for part in (_heading(subject), _body(result))]
    how = [f"*How:* {subject.how}" for subject, _ in results]
    woven = [
        text
        for number, line in enumerate(how)
        for text in (parts[2 * number], line, parts[2 * number + 1])
    ]
    return "\n\n".join(woven)


def cell(value: Spread | None, unit: str = "") -> str:
    """Return `median (least-most)`, with as many digits as can matter."""
    if value is None:
        return ""
    text = number(value.median)
    if value.least != value.most:
        text += f" ({number(value.least)} to {number(value.most)})"
    return f"{text} {unit}".strip()


def number(value: float) -> str:
    """Return three significant digits, or all of a number above a thousand."""
    if abs(value) >= 1000:  # noqa: PLR2004 - digits behind the point say nothing there
        return f"{value:,.0f}"
    if abs(value) >= 100:  # noqa: PLR2004 - three digits are there
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"  # noqa: PLR2004 - same


def _heading(subject: Subject) -> str:
    return f"### {subject.name}\n\n{subject.asks}"


def _body(result: Result) -> str:
    if result.left_out:
        return f"Not measured: {result.left_out}\n\n{_provenance(result)}"
    return "\n".join([*_table(result.figures), "", *_notes(result.figures), _provenance(result)])


def _table(figures: Iterable[Figure]) -> list[str]:
    rows = [_HEAD, tuple("---" for _ in _HEAD), *(_row(figure) for figure in figures)]
    return [f"| {' | '.join(row)} |" for row in rows]


def _row(figure: Figure) -> tuple[str, ...]:
    baseline = cell(figure.baseline)
    against = f"{baseline} {figure.against}" if baseline else ""
    measure = f"{figure.measure}, {figure.unit}"
    ratio = f"**{cell(figure.ratio)}**" if figure.ratio else ""
    return figure.case, measure, cell(figure.ours), against, ratio, figure.aim


def _notes(figures: Iterable[Figure]) -> list[str]:
    notes = [f"{each.case}, {each.measure}: {each.note}." for each in figures if each.note]
    return [f"{'  '.join(notes)}", ""] if notes else []


def _provenance(result: Result) -> str:
    at = result.machine
    versions = ", ".join(f"{name} {its}" for name, its in at.versions.items())
    return (
        f"<sub>{result.date}, {result.form} form: {_sizes(result)};"
        f" {_hardware(at)}; load average at the start {at.load};"
        f" commit {at.commit}; {versions}</sub>"
    )


def _sizes(result: Result) -> str:
    text = f"{result.rounds} rounds of {result.seconds:g} s"
    if result.restarts:
        text += f" ({result.restarts} where processes start anew; {result.rows:,} records)"
    return f"{text}, {result.took_s:.0f} s in all" if result.took_s else text


def _hardware(at: Machine) -> str:
    return f"{at.processor}, {at.cores} cores, {at.memory_gib} GiB, {at.system}"
