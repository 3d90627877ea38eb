from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from napari_metime.errors import RecipeError
from napari_metime.gui.state.chain import STEPS
from napari_metime.gui.state.made import Aligned, Opened
from napari_metime.gui.state.session import Session
from napari_metime.recipe import ImsRecipe, load_recipe

NORMALIZING = ("normalize", "reference_mz", "normalize_table")


@pytest.fixture
def session() -> Session:
    session = Session()
    session.new_section(Path("/data/liver.imzML"))
    return session


def do(session: Session, *steps: str) -> None:
    for step in steps:
        assert session.finish(session.begin(step), object())


def states(session: Session) -> dict[str, str]:
    return {step: session.state(step) for step in STEPS}


def test_a_new_session_waits_for_data_and_takes_cells_any_time():
    session = Session()
    assert [step for step in STEPS if session.state(step) == "ready"] == ["data", "cells"]
    assert session.waits_for("niches") == ("tissue", "metabolites", "align")


def test_each_result_makes_the_next_step_ready(session):
    for step, after in (("data", "tissue"), ("tissue", "metabolites"), ("cells", "align")):
        do(session, step)
        assert session.state(after) == "ready"
    do(session, "metabolites", "align", "niches", "export")
    assert set(states(session).values()) == {"done"}


def test_a_step_run_again_makes_what_stands_after_it_stale(session):
    do(session, *STEPS)
    assert session.would_go_stale("tissue") == ("metabolites", "niches", "export")
    do(session, "tissue")
    stale = {step for step, state in states(session).items() if state == "stale"}
    assert stale == {"metabolites", "niches", "export"}


def test_a_changed_setting_is_stale_until_it_is_changed_back(session):
    do(session, *STEPS)
    session.put("niches", "alpha", 0.01)
    assert (session.state("niches"), session.state("export"), session.state("align")) == ("stale", "stale", "done")
    session.put("niches", "alpha", 0.05)
    assert session.state("export") == "done"


@pytest.mark.parametrize("key", [*ImsRecipe.model_fields])
def test_every_setting_of_the_file_makes_some_step_stale(session, key):
    do(session, *STEPS)
    session.put("ims", key, "another")
    stale = [step for step in STEPS if session.state(step) == "stale"]
    assert stale[0] == ("metabolites" if key in ("tolerance_ppm", *NORMALIZING) else "data")


def test_a_result_is_dropped_where_a_newer_run_has_started(session):
    first, second = session.begin("data"), session.begin("data")
    assert not session.finish(first, "late")
    assert session.finish(second, "new")
    assert session.value("data") == "new"


def test_a_result_is_dropped_where_another_file_was_opened_meanwhile(session):
    do(session, "data")
    ticket = session.begin("tissue")
    session.new_section(Path("/data/other.imzML"))
    assert not session.finish(ticket, "tissue of the former file")
    assert session.value("tissue") is None
    assert session.state("data") == "ready"


def test_another_file_starts_from_the_defaults_and_its_own_name(session):
    session.put("niches", "alpha", 0.01)
    session.put("cells", "path", Path("/data/cells.csv"))
    session.new_section(Path("/data/other.imzML"))
    assert session.get("section", "id") == "other"
    assert session.get("cells", "path") is None
    assert session.get("niches", "alpha") == 0.05


@pytest.mark.parametrize(
    ("section", "key", "value", "line"),
    [
        ("niches", "alpha", 0.7, "niches: {alpha: 0.7}"),
        ("ims", "pixel_size_um", "wide", "pixel_size_um: wide"),
        ("channels", "mz", (-5.0,), "channels: {mz: [-5.0]}"),
        ("ims", "normalize", "reference", "normalize: reference"),
    ],
)
def test_a_wrong_setting_is_told_in_the_words_of_a_recipe(tmp_path, session, section, key, value, line):
    text = "metime: 1\nsection: {id: S}\ncells: {path: c.csv, roles: {effector: [CD8]}}\n"
    ims = "ims: {path: s.imzML" + (f", {line}}}" if section == "ims" else "}") + "\n"
    path = tmp_path / "recipe.yaml"
    path.write_text(text + ims + ("" if section == "ims" else line + "\n"))
    with pytest.raises(RecipeError) as by_file:
        load_recipe(path)
    session.put(section, key, value)
    with pytest.raises(RecipeError) as by_window:
        session.part(section)
    assert str(by_file.value) == f"recipe.yaml: {by_window.value}"


def test_a_result_keeps_when_its_steps_started_and_how_long_they_took(monkeypatch, session):
    clock_s = iter(range(0, 1000, 10))
    monkeypatch.setattr("napari_metime.gui.state.session.time.perf_counter", lambda: float(next(clock_s)))
    before = datetime.now(UTC).isoformat(timespec="seconds")
    first = session.begin("data")
    assert session.finish(first, Opened(None, None))
    do(session, "tissue", "metabolites", "cells")
    assert session.finish(session.begin("align"), Aligned(None, None, "um"))
    do(session, "niches")
    result = session.section_result()
    assert result.started == first.started >= before
    assert result.seconds == dict.fromkeys(("data", "tissue", "metabolites", "cells", "align", "niches"), 10.0)


def test_a_loaded_recipe_comes_back_whole(recipe):
    session = Session()
    session.load(recipe)
    assert session.recipe() == recipe
