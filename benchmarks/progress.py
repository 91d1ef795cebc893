"""What is being measured, on the terminal: one line that changes, or a line a subject in a log."""

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status
from rich.table import Table

from benchmarks.figures import Figure
from benchmarks.report.tables import cell


class Progress(AbstractContextManager["Progress"]):
    """Speaks on standard error."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._status = Status("", console=self._console)
        self._subject = ""

    def __enter__(self) -> Self:
        self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._status.stop()

    def begin(self, subject: str, place: str = "") -> None:
        """Name what is measured now, and which of how many it is."""
        self._subject = f"{subject} ({place})" if place else subject
        if self._console.is_terminal:
            self.say("")
        else:
            self._console.print(f"{self._subject} …", highlight=False)

    def say(self, what: str) -> None:
        """Say what is going on within it."""
        self._status.update(f"[bold]{self._subject}[/bold] {what}")

    def show(self, figures: list[Figure], took_s: float) -> None:
        """Show the figures of a subject, and how long it took."""
        title = f"{self._subject}, {took_s:.0f} s"
        table = Table("measure", "inferbus", "baseline", "ratio", "aim", title=title)
        for each in figures:
            table.add_row(
                f"{each.case}: {each.measure}",
                cell(each.ours, each.unit),
                f"{cell(each.baseline)} {each.against}",
                cell(each.ratio),
                each.aim,
            )
        self._console.print(table)

    def left_out(self, why: str) -> None:
        """Say that a subject cannot be measured here."""
        self._console.print(f"{self._subject}: not measured: {why}", style="yellow")
