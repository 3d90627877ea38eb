"""The built-in section in the user's cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_metime import sample
from napari_metime.gui.running.work import results_folder
from napari_metime.gui.state.own_folder import own_folder
from napari_metime.gui.state.session import Session


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


def test_what_is_saved_of_it_is_proposed_where_a_person_finds_it(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, documents = Session(), tmp_path / "Documents"
    monkeypatch.setattr("napari_metime.gui.state.own_folder.user_documents_path", lambda: documents)
    session.put("ims", "path", tmp_path / "napari-metime" / "section" / "section.imzML")
    assert own_folder(session) == Path.home()  # there are no documents
    documents.mkdir()
    assert own_folder(session) == documents
    assert results_folder(session).parent == documents
    session.put("ims", "path", tmp_path / "mine" / "section.imzML")
    assert own_folder(session) == tmp_path / "mine"


def test_a_lost_file_is_made_again(cache: Path) -> None:
    recipe = sample.sample_recipe()
    (recipe.parent / "section.ibd").unlink()
    assert (sample.sample_recipe().parent / "section.ibd").is_file()
