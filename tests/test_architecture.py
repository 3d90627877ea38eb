"""The walls of the house: who may import whom, and how large a room may be."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

PACKAGE = Path(__file__).parents[1] / "napari_metime"
MODULES = sorted(PACKAGE.rglob("*.py"))
DOMAINS = ("alignment", "cells", "export", "ims", "metabolites", "microscopy", "niches", "simulate", "tissue")
OPEN_TO_ALL = {"errors", "imzml_writer", "recipe", "replacing", "section"}
WINDOW = {"PyQt5", "PyQt6", "PySide2", "PySide6", "magicgui", "napari", "pyqtgraph", "qtpy", "superqt", "vispy"}
MAX_FILE_LINES = 400
MAX_BODY_LINES = 60

each_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
each_module_outside_gui = pytest.mark.parametrize(
    "path",
    [path for path in MODULES if path.relative_to(PACKAGE).parts[0] != "gui"],
    ids=lambda path: path.relative_to(PACKAGE).as_posix(),
)


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _imported(path: Path) -> Iterator[str]:
    """Every absolute dotted name that the file imports, wherever in it the import stands."""
    package = [PACKAGE.name, *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(_parse(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _rooms(path: Path) -> set[str]:
    """The parts of the package that the file imports: the name after ``napari_metime.``."""
    return {name.split(".")[1] for name in _imported(path) if name.startswith(f"{PACKAGE.name}.")}


def _modules_loaded_by(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_walls_are_drawn_around_what_is_there() -> None:
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert folders == {*DOMAINS, "gui", "project", "recipe", "section"}


def test_importing_the_package_loads_no_window() -> None:
    assert not _modules_loaded_by("import napari_metime") & WINDOW


def test_the_pipeline_and_the_command_line_load_no_window() -> None:
    rooms = ", ".join(f"napari_metime.{room}" for room in (*DOMAINS, "cli", "pipeline", "project", "sample"))
    assert not _modules_loaded_by(f"import {rooms}") & WINDOW


@each_module_outside_gui
def test_only_gui_imports_the_window(path: Path) -> None:
    assert not {name.split(".")[0] for name in _imported(path)} & WINDOW


@each_module_outside_gui
def test_only_the_command_line_opens_the_window(path: Path) -> None:
    assert "gui" not in _rooms(path) or path.name == "cli.py"


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_domain_imports_no_other_domain(domain: str) -> None:
    rooms = set().union(*(_rooms(path) for path in (PACKAGE / domain).rglob("*.py")))
    assert rooms <= OPEN_TO_ALL | {domain, "__version__"}


def _manifest_targets() -> list[str]:
    manifest = yaml.safe_load((PACKAGE / "napari.yaml").read_text(encoding="utf-8"))
    return [command["python_name"] for command in manifest["contributions"]["commands"]]


def _names_in(path: Path) -> set[str]:
    """What a module defines or imports at its top level."""
    names: set[str] = set()
    for node in _parse(path).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update(alias.asname or alias.name for alias in node.names)
    return names


@pytest.mark.parametrize("target", _manifest_targets())
def test_every_command_of_the_manifest_is_there(target: str) -> None:
    module, attribute = target.split(":")
    assert attribute in _names_in(PACKAGE.parent / f"{module.replace('.', '/')}.py")


def _body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


@each_module
def test_no_file_and_no_function_is_too_large(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_FILE_LINES
    functions = [n for n in ast.walk(_parse(path)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert [f.name for f in functions if _body_lines(f) > MAX_BODY_LINES] == []


@each_module
def test_no_global_and_no_bare_except(path: Path) -> None:
    nodes = list(ast.walk(_parse(path)))
    assert not [node.lineno for node in nodes if isinstance(node, ast.Global)]
    assert not [node.lineno for node in nodes if isinstance(node, ast.ExceptHandler) and node.type is None]
