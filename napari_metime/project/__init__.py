"""The work on a section saved whole: settings, what a person made by hand, and every result; the data by reference."""

from __future__ import annotations

from napari_metime.project.codec import Kind, Kinds, pack, unpack
from napari_metime.project.folder import (
    FORMAT,
    HEAD,
    Head,
    Loaded,
    Project,
    drop_scratch,
    is_project,
    load_project,
    read_head,
    save_project,
)
from napari_metime.project.inputs import Found, InputFile, find_inputs
from napari_metime.project.kinds import KINDS

__all__ = [
    "FORMAT",
    "HEAD",
    "KINDS",
    "Found",
    "Head",
    "InputFile",
    "Kind",
    "Kinds",
    "Loaded",
    "Project",
    "drop_scratch",
    "find_inputs",
    "is_project",
    "load_project",
    "pack",
    "read_head",
    "save_project",
    "unpack",
]
