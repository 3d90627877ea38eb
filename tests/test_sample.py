"""The built-in section in the user's cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_metime import sample


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sample, "user_cache_path", lambda name: tmp_path / name)
    return tmp_path


def test_it_is_simulated_once(cache: Path, sample_section: Path) -> None:
    recipe = sample.sample_recipe()
    imzml = recipe.parent / "section.imzML"
    assert imzml.read_bytes() == (sample_section / "section" / "section.imzML").read_bytes()
    written = imzml.stat().st_mtime_ns
    assert sample.sample_recipe() == recipe
    assert imzml.stat().st_mtime_ns == written


def test_a_lost_file_is_made_again(cache: Path) -> None:
    recipe = sample.sample_recipe()
    (recipe.parent / "section.ibd").unlink()
    assert (sample.sample_recipe().parent / "section.ibd").is_file()
