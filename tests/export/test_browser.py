"""The report in a real browser: it renders without the network, runs nothing, and prints to A4."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from napari_metime.export.results import write_results
from napari_metime.recipe import ExportRecipe, Recipe
from napari_metime.section import SectionResult

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium or chrome on this machine")
HOSTILE = (
    '"><script>document.title = "taken"</script><img src=http://127.0.0.1:9/x onerror=document.title="taken">\u202e'
)
A4_POINTS = (595.0, 842.0)


@pytest.fixture
def report(result: SectionResult, recipe: Recipe, tmp_path: Path) -> Path:
    """Write results in which every name that a user chooses is hostile."""
    first, *others = result.channels.channels
    channels = replace(
        result.channels, channels=(replace(first, name=HOSTILE), *others),
        table=result.channels.table.replace({"channel": {"L-Lactate": HOSTILE}}),
    )  # fmt: skip
    niches = replace(
        result.niches,
        associations=result.niches.associations.replace({"channel": {"L-Lactate": HOSTILE}}),
        regions=result.niches.regions.rename(columns=lambda name: name.replace("L-Lactate", HOSTILE)),
        cells=result.niches.cells.replace({"type": {"CD8": HOSTILE}}),
        warnings=(HOSTILE,),
    )
    told = replace(result, channels=channels, niches=niches, cells=replace(result.cells, note=HOSTILE))
    section = recipe.section.model_copy(update={"patient": HOSTILE, "site": HOSTILE})
    asked = recipe.model_copy(update={"section": section, "export": ExportRecipe(report=True)})
    return write_results(told, asked, tmp_path / "results") / "report.html"


def browse(home: Path, report: Path, *options: str) -> str:
    """Run the browser on a file with every host name and address out of reach; return what it prints."""
    command = [
        str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
        "--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:9", "--enable-logging=stderr",
        f"--user-data-dir={home}", *options, report.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, timeout=120, check=True, encoding="utf-8", errors="replace")
    return done.stdout


def test_it_renders_alone_and_runs_nothing(report: Path, tmp_path: Path) -> None:
    log = tmp_path / "net.json"
    dom = browse(tmp_path / "home", report, "--dump-dom", f"--log-net-log={log}")
    for place in ("summary", "overview", "niches", "associations", "trust", "methods", "settings"):
        assert f'id="{place}"' in dom
    assert "Niche 1: " in dom
    assert "Niche 2: " in dom
    assert "&lt;script&gt;" in dom
    assert "<script" not in dom
    title = re.search(r"<title>(.*?)</title>", dom)
    assert title is not None
    assert title[1].startswith("2 immune-cold niches found")
    asked = re.findall(r'"url":"((?:https?|wss?|ftp):[^"]*)"', log.read_text(encoding="utf-8", errors="replace"))
    assert [url for url in asked if "127.0.0.1:9/x" in url or "doi.org" in url] == []


def test_it_prints_to_a4(report: Path, tmp_path: Path) -> None:
    printed = tmp_path / "report.pdf"
    browse(tmp_path / "home", report, f"--print-to-pdf={printed}", "--no-pdf-header-footer")
    pdf = printed.read_bytes()
    assert pdf.startswith(b"%PDF")
    boxes = re.findall(rb"/MediaBox\s*\[\s*([\d.]+)\s+([\d.]+)\s+([\d.]+)\s+([\d.]+)\s*\]", pdf)
    assert 3 <= len(boxes) <= 30
    for box in boxes:
        assert tuple(map(float, box[2:])) == pytest.approx(A4_POINTS, abs=1.0)
