"""Work that a benchmark has finished, a line each, so that it goes on where it was stopped."""

from __future__ import annotations

from pathlib import Path


def finished_lines(path: Path | None) -> list[tuple[int, str]]:
    """Number and text of each line; none where there is no file yet.

    A last line without an end was cut off when its writer was killed. It is taken out of the file,
    so that the work it stood for is done again.
    """
    if path is None or not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, encoding="utf-8")
    return list(enumerate(whole.splitlines(), 1))


def add_line(path: Path | None, text: str) -> None:
    """Add a line; where no file is named nothing is kept."""
    if path is not None:
        with path.open("a", encoding="utf-8") as lines:
            lines.write(text + "\n")
