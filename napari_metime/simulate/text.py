"""Text files with the same bytes on every system: UTF-8, line feeds, whatever the platform."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any


def write_table(path: Path, columns: tuple[str, ...], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV with one header row."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write JSON, one value a line."""
    write_text(path, json.dumps(values, indent=1) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write text as it is."""
    path.write_bytes(text.encode("utf-8"))
