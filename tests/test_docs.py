"""The pages: every picture and link is there, and what they quote of the program is what it says."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest
import yaml

import napari_metime
from napari_metime import errors
from napari_metime.export.methods import REFERENCES

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
MAX_PICTURE_BYTES = 200_000
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
ITALIC = re.compile(r"(?<![*\w])\*([^*\n]+(?:\n[^*\n]+)?)\*(?![*\w])")
STEPS = ("Data", "Tissue", "Metabolites", "Cells", "Align", "Niches", "Export")


def prose(page: Path) -> str:
    """Return a page without its blocks and pieces of code."""
    text = re.sub(r"^    .*$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    found = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-") for heading in found}


@cache
def texts(folder: str) -> tuple[str, ...]:
    """Return every text in the code of a folder; the values in it stand as ``…``."""
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found += [text for node in ast.walk(tree) if (text := as_text(node))]
    return tuple(found)


@cache
def set_up_lines() -> tuple[str, ...]:
    """Return every line of the scripts that set the checkout up."""
    return tuple(line for script in sorted((ROOT / ".ci").iterdir()) for line in script.read_text("utf-8").splitlines())


@cache
def sentences() -> frozenset[str]:
    """Return what may be a message: the longer texts of the code, and the lines of the set-up."""
    return frozenset(text for text in (*texts("napari_metime"), *set_up_lines()) if len(text) > 15)


def as_text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(as_text(value) or "…" for value in node.values)
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_and_picture_is_there(page: Path) -> None:
    for target in LINK.findall(prose(page)):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file), target


def test_every_picture_is_small_and_shown() -> None:
    shown = {Path(target).name for page in PAGES for target in LINK.findall(prose(page)) if target.endswith(".png")}
    pictures = list((ROOT / "docs" / "images").iterdir())
    assert {picture.name for picture in pictures} == shown
    assert [picture.name for picture in pictures if picture.stat().st_size > MAX_PICTURE_BYTES] == []


def test_the_script_takes_every_picture_of_the_tutorial() -> None:
    script = (ROOT / "tools" / "tutorial_shots.py").read_text(encoding="utf-8")
    taken = set(re.findall(r'"((?:tutorial|own|window)[a-z_]*)(?:\.png)?"', script))
    tutorial = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    assert {Path(name).stem for name in LINK.findall(tutorial) if name.endswith(".png")} <= taken


@pytest.mark.parametrize("page", ["tutorial.md", "troubleshooting.md", "faq.md", "tissue.md", "facilities.md"])
def test_every_word_of_the_window_that_a_page_quotes_stands_in_it(page: str) -> None:
    # Whole texts, not parts of them: a word of a docstring is no button.
    said = {*texts("napari_metime/gui"), *texts("napari_metime/metabolites"), *yaml_titles(), "Plugins"}
    said |= {f"Next: {name}" for name in STEPS} | {text.split(" ▾")[0] for text in said}
    quoted = {" ".join(words.split()) for words in ITALIC.findall(prose(ROOT / "docs" / page))}
    assert {words for words in quoted if not set(words.split(" > ")) <= said} == set()


def yaml_titles() -> list[str]:
    manifest = yaml.safe_load((ROOT / "napari_metime" / "napari.yaml").read_text(encoding="utf-8"))
    return [widget["display_name"] for widget in manifest["contributions"]["widgets"]]


@cache
def quoted_messages() -> list[str]:
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]*)` \|", page, flags=re.MULTILINE)
    return [row.replace("\\|", "|") for row in rows]


@pytest.mark.parametrize("message", quoted_messages())
def test_every_message_of_the_troubleshooting_is_one_that_the_program_has(message: str) -> None:
    pieces = [re.escape(piece) for piece in message.split("…")]
    wanted = re.compile(".*".join(pieces), flags=re.DOTALL)
    assert any(wanted.search(text) for text in sentences())


def test_the_troubleshooting_has_messages_of_every_kind_of_error() -> None:
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type)} - {"MetimeError", "Cancelled"}
    told: set[str] = set()
    for path in sorted((ROOT / "napari_metime").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in kinds:
                found = [as_text(each) for each in ast.walk(node)]
                told |= {node.func.id} if any(_is_quoted(text) for text in found if len(text) > 20) else set()
    assert told == kinds


def _is_quoted(text: str) -> bool:
    return any(re.search(".*".join(map(re.escape, m.split("…"))), text, flags=re.DOTALL) for m in quoted_messages())


def test_the_version_to_cite_is_the_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == napari_metime.__version__
    assert f"version {napari_metime.__version__}:" in (ROOT / "docs" / "citing.md").read_text(encoding="utf-8")


def test_the_page_on_citing_has_every_reference_of_the_methods_text() -> None:
    page = (ROOT / "docs" / "citing.md").read_text(encoding="utf-8")
    assert [reference for reference in REFERENCES.values() if reference not in page] == []


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert {name for name in pages if f"({name})" not in index} == set()
