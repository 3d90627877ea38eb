"""What every test may ask for, and the surroundings that all of them share."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest

CHECKOUT = Path(__file__).parents[1]

# Before anything imports Qt or matplotlib: no test may need a screen that is not there.
os.environ["MPLBACKEND"] = "Agg"
os.environ.setdefault("NAPARI_ASYNC", "0")
os.environ.setdefault("QT_API", "pyside6")
os.environ.setdefault("PYTEST_QT_API", os.environ["QT_API"])
if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture(scope="session", autouse=True)
def user_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder in place of the user's cache, here and in the processes that tests start."""
    folder = tmp_path_factory.mktemp("user_cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.setattr(platformdirs, "user_cache_path", lambda name: folder / name)
        yield folder


@pytest.fixture(scope="session")
def metime_data() -> Path:
    """The folder of real measurements, which is no part of the project; tests that need it skip without it."""
    folder = Path(os.environ.get("METIME_DATA", CHECKOUT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set METIME_DATA to the folder that holds imzml/ and cells/")
    return folder


@pytest.fixture(scope="session")
def sample_section() -> Path:
    """The folder of the simulated section that the checkout carries."""
    return CHECKOUT / "sample_data"
