"""What a user installs: the wheel, the editable checkout, and a checkout made where links do not work."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from npe2 import PluginManifest

import napari_metime

CHECKOUT = Path(__file__).parents[1]
MANIFEST = CHECKOUT / "napari_metime" / "napari.yaml"
TOP_MANIFEST = CHECKOUT / "napari.yaml"
ENTRY_POINTS = {
    "[console_scripts]": "napari-metime = napari_metime.cli:main",
    "[napari.manifest]": "napari-metime = napari_metime:napari.yaml",
}
TABLES = ("panel", "ratios", "hypotheses", "organ_notes")
PACKAGE_DATA = (
    "napari.yaml",
    "py.typed",
    "export/report.html.j2",
    *(f"metabolites/{table}.csv" for table in TABLES),
)
BINDING = re.compile(r"(?i)(pyqt|pyside|napari$|qtpy)")


def _copy_checkout(folder: Path) -> Path:
    """Copy what a clone holds, so that no build writes into the checkout."""
    ignore = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info", "demo_results")
    return Path(shutil.copytree(CHECKOUT, folder / "checkout", symlinks=True, ignore=ignore))


def _build_wheel(checkout: Path, folder: Path) -> zipfile.ZipFile:
    """Build without an isolated environment: nothing is fetched."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(checkout)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return zipfile.ZipFile(next(folder.glob("*.whl")))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    return _build_wheel(_copy_checkout(folder), folder)


def test_the_top_manifest_points_to_the_one_in_the_package() -> None:
    # A checkout without links holds the link's target as text.
    target = (
        TOP_MANIFEST.readlink().as_posix() if TOP_MANIFEST.is_symlink() else TOP_MANIFEST.read_text("utf-8").strip()
    )
    assert target == "napari_metime/napari.yaml"


def test_the_manifest_is_valid_and_bears_the_name_of_the_distribution() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    assert PluginManifest.from_file(MANIFEST).name == project["name"]


def test_the_wheel_holds_the_manifest_and_the_data(wheel: zipfile.ZipFile) -> None:
    assert {f"napari_metime/{name}" for name in PACKAGE_DATA} <= set(wheel.namelist())
    assert wheel.read("napari_metime/napari.yaml") == MANIFEST.read_bytes()


def test_the_wheel_holds_every_module(wheel: zipfile.ZipFile) -> None:
    modules = {path.relative_to(CHECKOUT).as_posix() for path in (CHECKOUT / "napari_metime").rglob("*.py")}
    assert {name for name in wheel.namelist() if name.endswith(".py")} == modules


def test_the_wheel_holds_nothing_beside_the_package(wheel: zipfile.ZipFile) -> None:
    folders = {name.split("/")[0] for name in wheel.namelist()}
    assert folders == {"napari_metime", f"napari_metime-{napari_metime.__version__}.dist-info"}


def test_the_wheel_names_its_entry_points_and_its_licence(wheel: zipfile.ZipFile) -> None:
    info = f"napari_metime-{napari_metime.__version__}.dist-info"
    entry_points = wheel.read(f"{info}/entry_points.txt").decode()
    for group, line in ENTRY_POINTS.items():
        assert f"{group}\n{line}" in entry_points
    assert "License-Expression: BSD-3-Clause" in wheel.read(f"{info}/METADATA").decode()
    assert f"{info}/licenses/LICENSE" in wheel.namelist()


def test_a_checkout_without_links_builds_the_same_manifest(tmp_path: Path) -> None:
    checkout = _copy_checkout(tmp_path)
    (checkout / "napari.yaml").unlink()
    (checkout / "napari.yaml").write_text("napari_metime/napari.yaml", encoding="utf-8")
    assert _build_wheel(checkout, tmp_path).read("napari_metime/napari.yaml") == MANIFEST.read_bytes()


def test_the_installed_distribution_leads_napari_to_the_manifest() -> None:
    manifest = PluginManifest.from_distribution("napari-metime")
    assert [widget.display_name for widget in manifest.contributions.widgets or []] == ["Immune-cold niches"]


def test_the_base_installation_brings_no_window() -> None:
    base = [r for r in distribution("napari-metime").requires or [] if "extra ==" not in r]
    names = [re.split(r"[^\w.-]", requirement)[0] for requirement in base]
    assert names
    assert not [name for name in names if BINDING.match(name)]


def test_every_import_is_declared() -> None:
    declared = {_plain(re.split(r"[^\w.-]", r)[0]) for r in distribution("napari-metime").requires or []}
    providers = packages_distributions()
    missing = {
        module
        for module in _third_party_modules()
        if not {_plain(name) for name in providers.get(module, [module])} & declared
    }
    assert missing == set()


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _third_party_modules() -> set[str]:
    modules: set[str] = set()
    for path in (CHECKOUT / "napari_metime").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module.split(".")[0])
    return modules - set(sys.stdlib_module_names) - {"napari_metime"}
