"""Every exception of the package; each is also a standard kind, so callers can catch either.

A message says what was expected, what was found and what to do, in one line.
"""

from __future__ import annotations


class MetimeError(Exception):
    """Base of every error that a user can mend."""


class MissingFileError(MetimeError, FileNotFoundError):
    """A file that the recipe or command names is not there or cannot be read."""


class ImzMLError(MetimeError, ValueError):
    """The imzML or its .ibd cannot be used."""


class RecipeError(MetimeError, ValueError):
    """The recipe has a wrong key or value."""


class TissueError(MetimeError, ValueError):
    """A mask or domain does not fit the section."""


class CellTableError(MetimeError, ValueError):
    """The cell table cannot be read as cells with places and types."""


class MicroscopyError(MetimeError, ValueError):
    """The microscopy image cannot be read, or has not what was asked of it."""


class AlignmentError(MetimeError, ValueError):
    """The cells cannot be brought into the section frame."""


class OutputError(MetimeError, OSError):
    """The results cannot be written where they were asked for."""


class ProjectError(MetimeError, ValueError):
    """A saved project is damaged, or of another version."""


class Cancelled(MetimeError):
    """Raised from ``on_progress`` to stop a run; nothing is written."""


class UsageError(MetimeError, ValueError):
    """The command line was called with other words than it knows."""
