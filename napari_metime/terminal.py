"""What a terminal is shown beside the output itself: progress, warnings, and a quiet end where nobody reads on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_metime.section import Progress

CLOSED_PIPE = 141
"""The exit code where the reader of the output has gone: 128 + SIGPIPE, as a shell reports it of other tools."""


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Show a progress bar on stderr where that is a terminal; elsewhere nothing."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    percent = TextColumn("{task.percentage:>3.0f} %")
    columns = (TextColumn("{task.description}"), BarColumn(), percent, TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("starting", total=1.0)
        yield lambda done, text: bar.update(task, completed=done, description=text)


def tell_warnings(warnings: tuple[str, ...]) -> None:
    """Print warnings on stderr, so that they never mix with the output."""
    for text in warnings:
        print(f"warning: {text}", file=sys.stderr)


def flush_output() -> None:
    """Hand over what is buffered now, while a closed pipe can still be met; nothing where there is no stdout."""
    print(end="", flush=True)


def let_go_of_output() -> None:
    """Send what is still buffered nowhere: Python itself would complain of the closed pipe when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
