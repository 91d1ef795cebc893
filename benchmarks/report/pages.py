"""Parts of a page between markers, written anew."""

from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"


class MarkerError(Exception):
    """The page lacks a marker, so there is no place to write to."""


def replace(text: str, name: str, content: str) -> str:
    """Return the page with `content` between `<!-- NAME begins -->` and `<!-- NAME ends -->`."""
    begins, ends = f"<!-- {name} begins -->", f"<!-- {name} ends -->"
    before, has_begin, rest = text.partition(begins)
    _, has_end, after = rest.partition(ends)
    if not (has_begin and has_end):
        raise MarkerError(f"the page has no lines {begins} and {ends}")
    return f"{before}{begins}\n\n{content.strip()}\n\n{ends}{after}"


def write(name: str, content: str, page: Path = PAGE) -> None:
    """Write that part of the page."""
    page.write_text(replace(page.read_text(), name, content))
