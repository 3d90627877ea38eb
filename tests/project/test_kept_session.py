"""A session saved and opened again: the same states, the same results, the same things to take back."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("psygnal", reason="the window needs the gui extra")

from napari_metime import pipeline
from napari_metime.alignment import Picture, Refinement
from napari_metime.alignment.lattice_warp import LatticeWarp
from napari_metime.errors import ImzMLError, MetimeError, MissingFileError, ProjectError
from napari_metime.gui.projects.keeping import KINDS, keep, relinked, restore
from napari_metime.gui.state.chain import STEPS
from napari_metime.gui.state.history import Change, History
from napari_metime.gui.state.in_sight import InHand, InSight
from napari_metime.gui.state.made import Outlined
from napari_metime.gui.state.pairs import Pairs
from napari_metime.gui.state.session import Session
from napari_metime.ims import extract_ions
from napari_metime.project import HEAD, load_project, save_project
from napari_metime.recipe import load_recipe
from napari_metime.refining import Chain, Refined
from napari_metime.section import SectionResult
from napari_metime.simulate import SectionPlan, simulate_section
from napari_metime.writing import write_results


@pytest.fixture(scope="module")
def section(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipe of a small section."""
    path = simulate_section(
        tmp_path_factory.mktemp("kept") / "section",
        SectionPlan(width_um=1500, height_um=1300, pixel_size_um=50, n_niches=1, niche_radius_um=260),
    )
    path.write_text(path.read_text() + "niches: {n_permutations: 19}\n")
    return path


@pytest.fixture(scope="module")
def result(section: Path) -> SectionResult:
    """What a run of it gives."""
    return pipeline.run(load_recipe(section))


@pytest.fixture
def session(section: Path, result: SectionResult) -> Session:
    """A session in which every step is done."""
    recipe = load_recipe(section)
    session = Session()
    session.fill(recipe, result, pipeline.read_cells(recipe.cells))
    return session


def _restored(session: Session, folder: Path) -> tuple[str, ...]:
    loaded = load_project(folder, KINDS)
    return restore(session, loaded.state, loaded.inputs)


@pytest.fixture
def reopen(tmp_path):
    """Save a session and open it in another one."""

    def there_and_back(session: Session) -> Session:
        save_project(keep(session), tmp_path / "p", KINDS)
        found = Session()
        _restored(found, tmp_path / "p")
        return found

    return there_and_back


def _states(session: Session) -> dict[str, str]:
    return {step: session.state(step) for step in STEPS}


def _files(session: Session, folder: Path) -> dict[str, bytes]:
    write_results(session.section_result(), session.recipe(), folder)
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def test_everything_that_is_exported_is_the_same_byte_for_byte(session, reopen, tmp_path):
    session.put("export", "report", False)  # it is made of the same values
    found = reopen(session)
    assert _states(found) == _states(session)
    assert _files(found, tmp_path / "b") == _files(session, tmp_path / "a")


def test_the_file_is_read_as_before(session, reopen):
    mz = np.array([89.0244, 145.0142])
    before, found = (
        extract_ions(each.value("data").dataset, mz, tolerance_ppm=5.0).images for each in (session, reopen(session))
    )
    assert np.nansum(before) > 0
    np.testing.assert_array_equal(found, before)


def test_settings_that_are_not_finished_come_back(reopen):
    session = Session()
    session.put("cells", "pixel_size_um", "0.")
    session.put("niches", "n_permutations", 7)
    found = reopen(session)
    assert found.values == session.values
    assert _states(found) == _states(session)


def test_a_stale_step_is_stale_again_and_taking_the_setting_back_makes_it_done(session, reopen):
    session.put("niches", "alpha", 0.01)
    found = reopen(session)
    assert found.state("niches") == "stale"
    found.put("niches", "alpha", 0.05)
    assert found.state("niches") == "done"


def test_what_was_made_of_a_former_result_is_stale_again(session, reopen):
    value = session.value("metabolites")
    assert session.finish(session.begin("metabolites"), value)  # equal numbers, but another result
    before = _states(session)
    assert before["niches"] == "stale"
    found = reopen(session)
    assert _states(found) == before
    assert found.value("niches").regions.equals(session.value("niches").regions)


def test_a_former_result_is_kept_without_its_value(session, tmp_path):
    former = session.done["metabolites"]
    session.finish(session.begin("metabolites"), session.value("metabolites"))
    project = keep(session)
    assert former.name not in project.results
    assert session.done["metabolites"].name in project.results
    kept = project.state.done["niches"].ticket.inputs
    assert former.name in [each.name for each in kept]
    assert next(each for each in kept if each.name == former.name).value is None


def test_painting_can_be_taken_back_after_reopening_and_what_followed_is_done_again(session, reopen):
    mask = session.value("tissue").mask.copy()
    mask[:4] = False
    session.paint_tissue(mask)
    session.leave_out(np.pad(np.ones((3, 3), dtype=bool), ((10, mask.shape[0] - 13), (10, mask.shape[1] - 13))))
    found = reopen(session)
    assert found.can_undo == session.can_undo == "what is left out"
    np.testing.assert_array_equal(found.left_out_mask, session.left_out_mask)
    np.testing.assert_array_equal(found.value("tissue").mask, session.value("tissue").mask)
    assert found.state("metabolites") == "stale"
    found.undo()
    found.undo()
    assert found.can_undo == ""
    assert set(_states(found).values()) == {"done", "ready"}
    again = reopen(found)
    again.redo()
    again.redo()
    np.testing.assert_array_equal(again.value("tissue").mask, session.value("tissue").mask)
    assert again.state("metabolites") == "stale"


def test_roles_landmarks_and_the_log_come_back(session, reopen):
    session.assign_roles({"effector": ("CD8",)}, "role of CD8")
    session.set_pairs(Pairs(((1.0, 2.0, 3.0, 4.5),), (5.0, 6.0)))
    session.tell("tissue: found")
    found = reopen(session)
    assert found.get("cells", "roles") == {"effector": ("CD8",)}
    assert found.pairs == session.pairs
    assert found.has_placed
    assert found.log == session.log
    assert found.history.last("pairs").before.placed == session.history.last("pairs").before.placed
    found.undo("pairs")
    found.undo("roles")
    assert set(_states(found).values()) == {"done", "ready"}


def test_a_bent_alignment_bends_as_before(session, reopen):
    rng = np.random.default_rng(0)
    lattice = LatticeWarp.through((0.0, 0.0), (200.0, 200.0), rng.normal(size=(2, 8, 9)))
    aligned = session.value("align")
    bent = replace(aligned.alignment, kind="bspline", warp=Chain(lattice, np.eye(3) * [1.1, 0.9, 1], lattice))
    session.finish(session.begin("align"), replace(aligned, alignment=bent))
    found = reopen(session).value("align").alignment
    places = rng.uniform(0, 1000, size=(2, 50))
    np.testing.assert_array_equal(found.to_section(*places), bent.to_section(*places))


def test_what_became_of_a_refinement_comes_back(session, reopen):
    picture = Picture(np.arange(6.0).reshape(2, 3), (50.0, 50.0), (1.0, 2.0))
    found = Refinement(
        *(True, "it fits", "affine", np.eye(3), None, 0.5, 0.75, float("nan"), 12.5, 40.0),
        *(picture, picture.image, -picture.image),
    )
    aligned = session.value("align")
    refined = Refined(aligned.alignment, True, "refined", ("look at it",), found)
    session.finish(session.begin("align"), replace(aligned, refined=refined, warnings=("look at it",)))
    again = reopen(session).value("align")
    assert again.warnings == ("look at it",)
    assert again.refined.alignment is again.alignment
    assert again.refined.refinement.before is again.refined.refinement.fixed.image
    np.testing.assert_array_equal(again.refined.refinement.after, found.after)
    assert np.isnan(again.refined.refinement.p_chance)
    assert again.refined.refinement.error_um == 12.5


def test_a_second_save_writes_no_result_again(session, tmp_path):
    folder = save_project(keep(session), tmp_path / "p", KINDS)
    before = {file.name: file.stat().st_mtime_ns for file in (folder / "parts").iterdir()}
    session.put("niches", "alpha", 0.01)
    save_project(keep(session), folder, KINDS)
    after = {file.name: file.stat().st_mtime_ns for file in (folder / "parts").iterdir()}
    changed = {name for name in after if before.get(name) != after[name]}
    assert len(changed) == 1
    assert all(name.startswith("state-") for name in changed)


@pytest.fixture
def moved(section: Path, result: SectionResult, tmp_path: Path):
    """A project beside a copy of its section, which may be moved and changed."""
    home = tmp_path / "home"
    shutil.copytree(section.parent, home / "section")
    recipe, here = load_recipe(home / "section" / "recipe.yaml"), home / "section"
    dataset = replace(result.dataset, path=here / "section.imzML", ibd_path=here / "section.ibd")
    session = Session()
    session.fill(recipe, replace(result, dataset=dataset), pipeline.read_cells(recipe.cells))
    save_project(keep(session), home / "p", KINDS)
    return home, session


def _opened(folder: Path) -> tuple[Session, tuple[str, ...]]:
    found = Session()
    return found, _restored(found, folder)


def test_a_study_that_was_moved_opens_done_and_tells_where_its_files_are(moved, tmp_path):
    home, session = moved
    home.rename(tmp_path / "elsewhere")
    found, told = _opened(tmp_path / "elsewhere" / "p")
    assert _states(found) == _states(session)
    assert found.get("cells", "path") == tmp_path / "elsewhere" / "section" / "cells.csv"
    assert found.value("data").dataset.ibd_path.is_file()
    assert any("cells.csv was found at" in text for text in told)
    assert all(found.error(step) == "" for step in STEPS)


def _tic(session: Session) -> np.ndarray:
    return extract_ions(session.value("data").dataset, np.array([89.0244]), tolerance_ppm=5.0).images[0]


def test_a_study_that_was_moved_reads_its_spectra_each_time_it_is_opened(moved, tmp_path):
    home, session = moved
    before = _tic(session)
    for place in ("elsewhere", "back"):
        home = home.rename(tmp_path / place)
        found, _ = _opened(home / "p")
        np.testing.assert_array_equal(_tic(found), before)
        save_project(keep(found), home / "p", KINDS)
        again, told = _opened(home / "p")
        assert told == ()
        assert again.error("data") == ""
        np.testing.assert_array_equal(_tic(again), before)


def test_a_file_that_is_found_again_by_a_person_is_found_the_next_time_too(moved, tmp_path):
    home, session = moved
    before = _tic(session)
    (tmp_path / "away").mkdir()
    (home / "section").rename(tmp_path / "away" / "section")
    found, _ = _opened(home / "p")
    files = [home / "section" / name for name in ("section.imzML", "section.ibd", "cells.csv")]
    links = {str(file): str(tmp_path / "away" / "section" / file.name) for file in files}
    restore(found, relinked(found, links), ())
    save_project(keep(found), home / "p", KINDS)
    again, _ = _opened(home / "p")
    assert again.error("data") == ""
    np.testing.assert_array_equal(_tic(again), before)


def test_spectra_that_cannot_be_read_are_told_in_the_first_step(moved, monkeypatch):
    home, session = moved
    monkeypatch.setattr("napari_metime.gui.projects.keeping.open_imzml", _refuse)
    found, told = _opened(home / "p")
    assert "expected the spectra of section.imzML" in found.error("data")
    assert told == (found.error("data"),)
    assert _states(found) == _states(session)


def _refuse(*_: object, **__: object) -> None:
    raise ImzMLError("expected an imzML, found none; choose another")


def test_a_missing_table_is_asked_for_in_its_step_and_the_rest_is_there(moved):
    home, session = moved
    (home / "section" / "cells.csv").unlink()
    found, _ = _opened(home / "p")
    assert "cells.csv, found it neither there nor beside the project" in found.error("cells")
    assert [found.error(step) for step in STEPS if step != "cells"] == [""] * (len(STEPS) - 1)
    assert _states(found) == _states(session)


def test_a_changed_table_is_told_and_what_was_made_of_it_is_stale(moved):
    home, _ = moved
    with (home / "section" / "cells.csv").open("a") as file:
        file.write("\n")
    found, _ = _opened(home / "p")
    assert "is another file than the one" in found.error("cells")
    assert [found.state(step) for step in ("data", "tissue", "metabolites")] == ["done"] * 3
    assert [found.state(step) for step in ("cells", "align", "niches")] == ["stale"] * 3
    save_project(keep(found), home / "p", KINDS)
    again, _ = _opened(home / "p")
    assert again.state("cells") == "stale"  # saved with what was made of the former file
    again.finish(again.begin("cells"), again.value("cells"))
    assert again.state("cells") == "done"


@pytest.mark.parametrize("name", ["section.imzML", "section.ibd"])
def test_without_its_data_a_project_shows_what_was_found_and_reads_nothing(moved, name):
    home, session = moved
    (home / "section" / name).unlink()
    found, _ = _opened(home / "p")
    assert name in found.error("data")
    assert found.value("niches").regions.equals(session.value("niches").regions)
    np.testing.assert_array_equal(found.value("data").dataset.measured, session.value("data").dataset.measured)
    with pytest.raises((MissingFileError, ImzMLError)):
        extract_ions(found.value("data").dataset, np.array([89.0244]), tolerance_ppm=5.0)


def test_another_section_in_place_of_the_data_is_told_and_all_is_stale(moved):
    home, _ = moved
    simulate_section(home / "other", SectionPlan(width_um=900, height_um=800, pixel_size_um=50, n_niches=0, seed=5))
    for ending in ("imzML", "ibd"):
        shutil.copy(home / "other" / f"section.{ending}", home / "section" / f"section.{ending}")
    found, _ = _opened(home / "p")
    assert "is another file" in found.error("data")
    assert {found.state(step) for step in ("data", "tissue", "metabolites", "align", "niches")} == {"stale"}
    with pytest.raises(MetimeError):
        extract_ions(found.value("data").dataset, np.array([89.0244]), tolerance_ppm=5.0)


def test_a_project_of_something_else_is_refused_and_the_session_stays(session, tmp_path):
    project = replace(keep(session), state={"values": 1})
    save_project(project, tmp_path / "q", KINDS)
    here = Session()
    here.put("seed", "", 5)
    with pytest.raises(ProjectError, match="project of the window"):
        _restored(here, tmp_path / "q")
    assert here.get("seed") == 5


@pytest.mark.parametrize("step", ["data", "tissue", "cells"])
def test_a_result_in_the_wrong_place_is_refused(session, step, tmp_path):
    project = keep(session)
    done = {**project.state.done, step: replace(project.state.done[step], value=session.value("niches"))}
    wrong = replace(project, state=replace(project.state, done=done), results={})
    save_project(wrong, tmp_path / "q", KINDS)
    with pytest.raises(ProjectError, match="put together wrongly"):
        _restored(Session(), tmp_path / "q")


def test_what_an_earlier_version_did_not_keep_is_as_at_the_start(session, tmp_path):
    project = keep(session)
    attributes = {name: value for name, value in project.state.attributes.items() if name != "in_sight"}
    save_project(replace(project, state=replace(project.state, attributes=attributes)), tmp_path / "q", KINDS)
    found = Session()
    _restored(found, tmp_path / "q")
    assert _states(found) == _states(session)
    assert found.in_sight == InSight()


@pytest.mark.parametrize("wrong", [{"niche": -1}, {"niche": "1"}, {"channel": "x" * 1001}, {"tab": 7}])
def test_what_cannot_be_in_hand_is_refused(session, tmp_path, wrong):
    project, hand = keep(session), InHand()
    for name, value in wrong.items():
        object.__setattr__(hand, name, value)  # as in a file that somebody else wrote
    attributes = {**project.state.attributes, "in_sight": InSight(hand=hand)}
    save_project(replace(project, state=replace(project.state, attributes=attributes)), tmp_path / "q", KINDS)
    with pytest.raises(ProjectError):
        _restored(Session(), tmp_path / "q")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("history", None), ("cells_note", 3), ("is_placing", True), ("values", {}), ("folder", 7)),
        *(("pairs_from", 7), ("types_of", ("cells.csv", None)), ("image_extent", (1.0, "x", None))),
        *(("in_sight", (("channel", "TIC", True),)), ("colour_by", "mood"), ("cell_types", {"CD8": "many"})),
        *(("history", History((Change("a", "roles", {}, what),))) for what in (None, {"effector": "CD8"})),
        *(("history", History((), (Change("a", what, {}, {}),))) for what in ("tissue", "pairs")),
    ],
)
def test_another_attribute_is_refused(session, tmp_path, name, value):
    project = keep(session)
    attributes = {**project.state.attributes, name: value}
    save_project(replace(project, state=replace(project.state, attributes=attributes)), tmp_path / "q", KINDS)
    with pytest.raises(ProjectError, match="put together wrongly"):
        _restored(Session(), tmp_path / "q")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, {}) for name in ("tissue", "niches", "cells", "ims", "channels", "export")),
        *(("tissue", {"regions": {}}), ("tissue", {"regions": 3}), ("niches", {"grades": {"radius": 1.0}})),
        *(("cells", {"roles": 7}), ("cells", {"roles": {"effector": 5}}), ("niches", {"shell": "rm"})),
        *(("niches", {"alpha": "a"}), ("niches", {"n_permutations": 2**40}), ("export", {"report": "yes"})),
        *(("niches", {"alpha": float("nan")}), ("seed", 2**400), ("channels", {"mz": 5}), ("cells", {"x": 10**400})),
        *(("align", 7), ("microscopy", "x.tif"), ("seed", np.zeros(3)), ("ims", {"lock_mz": np.zeros(3)})),
    ],
)
def test_settings_that_no_recipe_has_are_refused_and_the_session_stays(session, tmp_path, name, value):
    project = keep(session)
    values = project.state.attributes["values"]
    wrong = {**values, name: {**values[name], **value} if isinstance(value, dict) and value else value}
    attributes = {**project.state.attributes, "values": wrong}
    save_project(replace(project, state=replace(project.state, attributes=attributes)), tmp_path / "q", KINDS)
    here = Session()
    here.put("seed", "", 5)
    with pytest.raises(ProjectError, match="put together wrongly"):
        _restored(here, tmp_path / "q")
    assert here.get("seed") == 5


@pytest.mark.parametrize("settings", [(), (1,), (np.zeros(3),) * 40, ({},) * 40, (10**400,) * 40])
@pytest.mark.parametrize("step", ["metabolites", "tissue"])
def test_what_a_result_was_made_of_must_be_settings(session, tmp_path, step, settings):
    project = keep(session)
    done = project.state.done
    wrong = replace(done[step], ticket=replace(done[step].ticket, settings=settings))
    save_project(replace(project, state=replace(project.state, done={**done, step: wrong})), tmp_path / "q", KINDS)
    with pytest.raises(ProjectError, match="put together wrongly"):
        _restored(Session(), tmp_path / "q")


@pytest.mark.parametrize("where", ["outlined", "history"])
def test_a_mask_by_hand_of_another_shape_is_refused(session, tmp_path, where):
    mask = session.value("tissue").mask.copy()
    mask[:3] = False
    session.paint_tissue(mask)
    project = keep(session)
    attributes = dict(project.state.attributes)
    short = replace(session.outlined.whole, mask=mask[:4], left_out=(), regions=None)
    small = Outlined(short, session.outlined.left_out[:4], "")
    if where == "outlined":
        attributes["outlined"] = small
    else:
        (change,) = attributes["history"].past
        attributes["history"] = History((replace(change, before=replace(change.before, outlined=small)),))
    save_project(replace(project, state=replace(project.state, attributes=attributes)), tmp_path / "q", KINDS)
    with pytest.raises(ProjectError, match="put together wrongly"):
        _restored(Session(), tmp_path / "q")


def test_the_head_says_what_is_done_without_the_results(session, tmp_path):
    session.put("niches", "alpha", 0.01)
    folder = save_project(keep(session), tmp_path / "p", KINDS)
    head = json.loads((folder / HEAD).read_text())
    assert head["section"] == session.get("section", "id")
    assert head["steps"] == [
        "section opened", "tissue found", "metabolites measured", "cells read", "cells aligned"
    ]  # fmt: skip
    assert {Path(each["path"]).name for each in head["inputs"]} >= {"section.imzML", "section.ibd", "cells.csv"}


def test_a_result_of_another_section_is_refused(session, tmp_path):
    project = keep(session)
    tissue = project.state.done["tissue"]
    small = replace(tissue, value=replace(tissue.value, mask=np.ones((2, 2), dtype=bool)))
    wrong = replace(project, state=replace(project.state, done={**project.state.done, "tissue": small}), results={})
    save_project(wrong, tmp_path / "q", KINDS)
    with pytest.raises(ProjectError, match="put together wrongly"):
        _restored(Session(), tmp_path / "q")


@pytest.mark.parametrize("wrong", [np.zeros(3), np.full(780, 26), np.full(780, -1)], ids=["short", "below", "above"])
def test_spectra_beside_the_grid_are_refused(session, tmp_path, wrong):
    project = keep(session)
    data = project.state.done["data"]
    dataset = replace(data.value.opened.dataset, row=wrong.astype(np.int32))
    assert data.value.opened.dataset.row.shape == (780,)
    assert data.value.opened.dataset.grid.shape[0] == 26
    opened = replace(data.value.opened, dataset=dataset)
    moved = replace(data, value=replace(data.value, opened=opened))
    wrongly = replace(project, state=replace(project.state, done={**project.state.done, "data": moved}), results={})
    save_project(wrongly, tmp_path / "q", KINDS)
    with pytest.raises(ProjectError, match="put together wrongly"):
        _restored(Session(), tmp_path / "q")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mask", "all of it"),
        ("mask", np.ones((26, 30))),
        ("method", 3),
        ("left_out", ("nothing",)),
        ("regions", {"labels": 1}),
    ],
)
def test_a_field_of_another_type_is_refused(session, tmp_path, name, value):
    project = keep(session)
    done = project.state.done["tissue"]
    tissue = replace(done.value)
    object.__setattr__(tissue, name, value)
    save_project(replace(project, results={**project.results, done.name: tissue}), tmp_path / "q", KINDS)
    with pytest.raises(ProjectError, match=f"Tissue.{name} is"):
        load_project(tmp_path / "q", KINDS)
