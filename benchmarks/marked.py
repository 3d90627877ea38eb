"""The marked part of a page, which a benchmark writes what it measured into."""

from __future__ import annotations

import sys
from pathlib import Path

BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"


def write_marked(path: Path, text: str) -> None:
    """Put a text in the place of what stands between the marks of a page, which must have both once."""
    page = path.read_text(encoding="utf-8")
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        sys.exit(f"{path}: expected the lines {BEGIN.strip()} and {END.strip()} once each; add them or print")
    before, rest = page.split(BEGIN)
    path.write_text(f"{before}{BEGIN}\n{text.strip()}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")
