"""A small section with known truth, and a viewer to work on it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("napari", reason="the window needs the gui extra")

from napari.components import ViewerModel

from napari_metime import pipeline
from napari_metime.gui.arriving.asking import Asking, Question
from napari_metime.gui.dock import StepperDock
from napari_metime.gui.layers import layers
from napari_metime.gui.state.chain import STEPS
from napari_metime.gui.state.session import Session
from napari_metime.recipe import Recipe, load_recipe
from napari_metime.section import SectionResult
from napari_metime.simulate import SectionPlan, simulate_section

WINDOW_TESTS = ("test_window.py", "test_click_path.py")


def pytest_runtest_logfinish(nodeid: str) -> None:
    """Free a closed window in this thread: Qt crashes at exit where a worker's collection freed its OpenGL context."""
    if any(name in nodeid for name in WINDOW_TESTS):
        gc.collect()


@pytest.fixture(scope="session")
def recipe_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipe of a small section with one planted niche."""
    folder = tmp_path_factory.mktemp("window") / "section"
    path = simulate_section(
        folder, SectionPlan(width_um=1500, height_um=1300, pixel_size_um=50, n_niches=1, niche_radius_um=260)
    )
    path.write_text(path.read_text() + "niches: {n_permutations: 99}\n")
    return path


@pytest.fixture(scope="session")
def recipe(recipe_path: Path) -> Recipe:
    """That recipe, loaded."""
    return load_recipe(recipe_path)


@pytest.fixture(scope="session")
def result(recipe: Recipe) -> SectionResult:
    """What a run of that recipe finds."""
    return pipeline.run(recipe)


@pytest.fixture(autouse=True)
def asked(monkeypatch) -> list[str]:
    """Answer every question by yes, and keep what was asked."""
    texts: list[str] = []

    def ask(_, question: Question) -> None:
        texts.append(question.words)
        question.on_yes()

    monkeypatch.setattr(Asking, "ask", ask)
    return texts


@pytest.fixture
def viewer(session: Session) -> ViewerModel:
    """A viewer without a window that shows all that the session of a module has."""
    viewer = ViewerModel()
    for step in STEPS:
        layers.show(viewer, session, step)
    return viewer


@pytest.fixture
def dock(qtbot) -> Iterator[StepperDock]:
    """A stepper over a viewer without a window."""
    viewer = ViewerModel()
    dock = StepperDock(viewer)
    qtbot.addWidget(dock)
    yield dock
    dock.bench.close()


@pytest.fixture
def settle(qtbot) -> Callable[[StepperDock], None]:
    """Wait until nothing runs."""

    def wait(dock: StepperDock) -> None:
        qtbot.waitUntil(lambda: dock.session.running is None, timeout=240_000)

    return wait


@pytest.fixture
def click(settle) -> Callable[..., None]:
    """Press the primary button of some steps, one after the other."""

    def press(dock: StepperDock, *steps: str) -> None:
        for step in steps:
            dock.panels[step].primary.click()
            settle(dock)
            assert dock.session.error(step) == ""

    return press


@pytest.fixture
def outlined(dock: StepperDock, recipe_path: Path, settle, click) -> StepperDock:
    """A section whose tissue has been found."""
    dock.bench.arrivals.open_recipe(recipe_path)
    settle(dock)
    click(dock, "tissue")
    return dock
