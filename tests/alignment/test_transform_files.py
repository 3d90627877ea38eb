"""Transforms of other programs: read as these programs apply them, written so that they read back, odd ones refused."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_metime.alignment import fit_landmarks, from_matrix, read_transform, write_transform
from napari_metime.alignment.transform_files import is_transform
from napari_metime.errors import AlignmentError, MissingFileError, OutputError

M = np.array([[0.5, -0.1, 30.0], [0.12, 0.48, -7.5], [0.0, 0.0, 1.0]])
PLACES = np.array([[0.0, 0.0], [1000.0, 20.0], [-5.0, 700.0]])
ITK = "#Insight Transform File V1.0\n#Transform 0\n"


def write(folder: Path, text: str | bytes, name: str = "t.txt") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def rows(matrix: NDArray[np.float64], *, n: int = 3, between: str = ", ", after: str = "\n") -> str:
    return after.join(between.join(map(repr, row)) for row in matrix[:n].tolist())


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (rows(M), "3 x 3 matrix"),
        (rows(M, between=" "), "3 x 3 matrix"),
        (rows(M, between="\t", after=";\n"), "3 x 3 matrix"),
        (str(M.tolist()), "3 x 3 matrix"),
        (np.array2string(M, separator=" "), "3 x 3 matrix"),
        (json.dumps({"matrix": M.tolist(), "from": "px"}), "3 x 3 matrix"),
        (json.dumps(M.ravel().tolist()), "3 x 3 matrix"),
        (rows(M).encode("utf-8-sig"), "3 x 3 matrix"),
        (rows(M).encode("utf-16"), "3 x 3 matrix"),
        (rows(M, n=2, between=", \t ", after=",\n"), "QuPath affine"),
        (f"[{rows(M, n=2, after=', ')}]", "QuPath affine"),
        ("AffineTransform[[0.5, -0.1, 30.0], [0.12, 0.48, -7.5]]", "QuPath affine (printed by Java)"),
        (
            "Affine [\n\t0.5, -0.1, 0.0, 30.0\n\t0.12, 0.48, 0.0, -7.5\n\t0.0, 0.0, 1.0, 0.0\n]",
            "QuPath affine (printed by JavaFX)",
        ),
        ('{"m00": 0.5, "m10": 0.12, "m01": -0.1, "m11": 0.48, "m02": 30, "m12": -7.5}', "QuPath affine (JSON)"),
        (
            '{"transform": {"m00": 0.5, "m10": 0.12, "m01": -0.1, "m11": 0.48, "m02": 30, "m12": -7.5}}',
            "QuPath affine (JSON)",
        ),
    ],
)
def test_a_transform_is_recognised_by_its_content_and_taken_forwards(
    tmp_path: Path, text: str | bytes, name: str
) -> None:
    found = read_transform(write(tmp_path, text))
    np.testing.assert_allclose(found.matrix, M, rtol=1e-9)
    assert found.kind == "matrix"
    assert found.note == f"t.txt: {name}, taken from the cells to the section (cells in px, section in µm)"


def test_the_other_direction_is_the_inverse(tmp_path: Path) -> None:
    found = read_transform(write(tmp_path, rows(M)), inverse=True)
    np.testing.assert_allclose(found.matrix @ M, np.eye(3), atol=1e-12)
    assert "taken from the section to the cells, so turned round" in found.note


def test_pixels_of_the_section_become_micrometres(tmp_path: Path) -> None:
    x, y = np.array([100.0]), np.array([200.0])
    counted = M @ [100, 200, 1]
    # A matrix counts pixels from the middle of the first; QuPath from its corner, half a pixel before the origin.
    middle = read_transform(write(tmp_path, rows(M)), target_pixel_um=20)
    np.testing.assert_allclose(np.ravel(middle.to_section(x, y)), 20 * counted[:2])
    corner = read_transform(write(tmp_path, rows(M, n=2)), target_pixel_um=20)
    np.testing.assert_allclose(np.ravel(corner.to_section(x, y)), 20 * (counted[:2] - 0.5))
    assert corner.note.endswith("(cells in px, section in pixels of 20 µm)")


def test_pixels_of_the_cells_become_micrometres_before(tmp_path: Path) -> None:
    found = read_transform(write(tmp_path, rows(M)), source_pixel_um=0.5)
    np.testing.assert_allclose(np.ravel(found.to_section(np.array([100.0]), np.array([200.0]))), (M @ [50, 100, 1])[:2])
    same = read_transform(write(tmp_path, rows(M)), unit="um", source_pixel_um=0.5)
    np.testing.assert_array_equal(same.matrix, M)  # the cells are in µm already


@pytest.mark.parametrize("pixel_um", [None, 25.0])
@pytest.mark.parametrize("form", ["matrix_csv", "matrix_json", "qupath", "qupath_json", "itk"])
def test_what_is_written_reads_back(tmp_path: Path, form: str, pixel_um: float | None) -> None:
    rng = np.random.default_rng(0)
    matrix = np.vstack([rng.normal(size=(2, 3)) * [1e-6, 1, 1e4], [0, 0, 1]])
    write_transform(from_matrix(matrix), tmp_path / "mine", form, target_pixel_um=pixel_um)  # type: ignore[arg-type]
    found = read_transform(tmp_path / "mine", target_pixel_um=pixel_um)
    np.testing.assert_allclose(found.matrix, matrix, rtol=1e-9, atol=1e-9)


def test_qupath_gets_pixels_from_the_corner_and_no_exponents(tmp_path: Path) -> None:
    # The middle of the first pixel of the section, (0, 0) µm, is (0.5, 0.5) in an image that QuPath shows.
    write_transform(from_matrix(np.diag([1e-5, 0.5, 1])), tmp_path / "q.txt", "qupath", target_pixel_um=20)
    text = (tmp_path / "q.txt").read_text()
    assert "e" not in text
    numbers = [float(word) for word in text.replace(",", " ").split()]
    np.testing.assert_allclose(numbers, [5e-7, 0, 0.5, 0, 0.025, 0.5], atol=1e-15)


def test_a_bent_alignment_and_a_missing_folder_are_told(tmp_path: Path) -> None:
    bent = replace(from_matrix(M), kind="thin_plate", warp=lambda x, y: (x + y**2, y))
    with pytest.raises(AlignmentError, match="found thin_plate; fit an affine one"):
        write_transform(bent, tmp_path / "t.csv", "matrix_csv")
    assert not list(tmp_path.iterdir())
    with pytest.raises(OutputError):
        write_transform(from_matrix(M), tmp_path / "none" / "t.csv", "matrix_csv")


def test_itk_maps_from_the_section_to_the_cells(tmp_path: Path) -> None:
    # T(x) = A (x - c) + t + c, by hand: A = 2, c = (10, 20), t = (1, -1): (0, 0) goes to (-9, -21).
    text = f"{ITK}Transform: AffineTransform_double_2_2\nParameters: 2 0 0 2 1 -1\nFixedParameters: 10 20\n"
    found = read_transform(write(tmp_path, text))
    assert found.note.startswith("t.txt: ITK transform (AffineTransform), taken from the section to the cells")
    np.testing.assert_allclose(np.ravel(found.to_section(np.array([-9.0]), np.array([-21.0]))), (0, 0), atol=1e-12)
    forwards = read_transform(write(tmp_path, text), inverse=True)
    np.testing.assert_allclose(np.ravel(forwards.to_section(np.array([0.0]), np.array([0.0]))), (-9, -21))


ITK_KINDS = {
    "AffineTransform_double_2_2": ("0.5 -0.1 0.2 0.7 3 4", "10 20"),
    "MatrixOffsetTransformBase_double_2_2": ("0.5 -0.1 0.2 0.7 3 4", "10 20"),
    "Euler2DTransform_double_2_2": ("0.3 5 -6", "100 50"),
    "Similarity2DTransform_double_2_2": ("1.7 0.3 5 -6", "100 50"),
    "ScaleTransform_double_2_2": ("1.7 0.3", "100 50"),
    "TranslationTransform_double_2_2": ("17 -3", ""),
}


@pytest.mark.parametrize("kind", list(ITK_KINDS))
def test_itk_itself_maps_alike(tmp_path: Path, kind: str) -> None:
    sitk = pytest.importorskip("SimpleITK")
    parameters, fixed = ITK_KINDS[kind]
    path = write(tmp_path, f"{ITK}Transform: {kind}\nParameters: {parameters}\nFixedParameters: {fixed}\n", "t.tfm")
    theirs = np.array([sitk.ReadTransform(str(path)).TransformPoint(place) for place in PLACES.tolist()])
    ours = read_transform(path, inverse=True)
    np.testing.assert_allclose(np.column_stack(ours.to_section(*PLACES.T)), theirs, atol=1e-9)
    np.testing.assert_allclose(np.column_stack(read_transform(path).to_section(*theirs.T)), PLACES, atol=1e-9)


def test_what_itk_writes_and_composes_is_read_alike(tmp_path: Path) -> None:
    sitk = pytest.importorskip("SimpleITK")
    first, second = sitk.Similarity2DTransform(), sitk.AffineTransform(2)
    first.SetParameters([1.5, 0.4, 3, 4])
    first.SetCenter([7, 8])
    second.SetMatrix([1, 0.2, 0, 0.9])
    second.SetTranslation([-20, 5])
    for name, transform in (("one.tfm", first), ("two.txt", sitk.CompositeTransform([first, second]))):
        sitk.WriteTransform(transform, str(tmp_path / name))
        theirs = np.array([transform.TransformPoint(place) for place in PLACES.tolist()])
        ours = read_transform(tmp_path / name, inverse=True)
        np.testing.assert_allclose(np.column_stack(ours.to_section(*PLACES.T)), theirs, atol=1e-9)
    assert "Similarity2DTransform after AffineTransform" in ours.note


def test_itk_reads_what_we_write(tmp_path: Path) -> None:
    sitk = pytest.importorskip("SimpleITK")
    write_transform(from_matrix(M), tmp_path / "mine.tfm", "itk")
    theirs = sitk.ReadTransform(str(tmp_path / "mine.tfm"))
    on_section = np.column_stack(from_matrix(M).to_section(*PLACES.T))
    back = np.array([theirs.TransformPoint(place) for place in on_section.tolist()])
    np.testing.assert_allclose(back, PLACES, atol=1e-8)


def project(**changed: object) -> dict[str, object]:
    """Return a project as napari-imsmicrolink writes it: IMS of 20 µm, padded by 3 and 2 pixels, to 0.5 µm pixels."""
    to_microscopy = np.array([[0.98, -0.17, 400.0], [0.17, 0.98, 250.0], [0, 0, 1]])
    ims = np.array([[200.0, 300], [2000, 400], [1900, 1600], [300, 1500], [1000, 900]])
    microscopy = ims @ to_microscopy[:2, :2].T + to_microscopy[:2, 2]
    return {
        "Project name": "p",
        "IMS spatial resolution": 20,
        "Microscopy spatial resolution": 0.5,
        "IMS pixel map points (xy, microns)": ims.tolist(),
        "PAQ microscopy points (xy, microns)": microscopy.tolist(),
        "Affine transformation matrix (xy,microns)": to_microscopy.tolist(),
        "padding": {"x_left_padding (px)": 3, "y_top_padding (px)": 2, "x_right_padding (px)": 0},
        **changed,
    }


def test_a_microlink_project_leads_from_the_microscopy_to_the_unpadded_section(tmp_path: Path) -> None:
    content = project()
    path = write(tmp_path, json.dumps(content), "p-IMSML-meta.json")
    found = read_transform(path)
    microscopy = np.array(content["PAQ microscopy points (xy, microns)"])
    section = np.array(content["IMS pixel map points (xy, microns)"]) - [3 * 20, 2 * 20]
    np.testing.assert_allclose(np.column_stack(found.to_section(*(microscopy / 0.5).T)), section, atol=1e-9)
    in_um = read_transform(path, unit="um")
    np.testing.assert_allclose(np.column_stack(in_um.to_section(*microscopy.T)), section, atol=1e-9)
    assert (found.n_landmarks, found.kind) == (5, "matrix")
    assert found.target_error_um < 1e-6
    assert "napari-imsmicrolink project" in found.note


def test_the_points_of_a_microlink_project_tell_its_error(tmp_path: Path) -> None:
    content = project()
    content["IMS pixel map points (xy, microns)"][4][0] += 40  # type: ignore[index]
    found = read_transform(write(tmp_path, json.dumps(content)))
    assert found.residual_um[4] == pytest.approx(40)
    assert found.rmse_um == pytest.approx(40 / np.sqrt(5))
    assert found.target_error_um > 20


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"IMS spatial resolution": "20 µm"}, "expected one finite numbers in 'IMS spatial resolution'"),
        ({"Microscopy spatial resolution": 0}, "expected pixel sizes above 0"),
        ({"Affine transformation matrix (xy,microns)": [[1, 0], [0, 1]]}, "expected 3 x 3 finite numbers"),
        ({"Affine transformation matrix (xy,microns)": [[1, 1, 0], [1, 1, 0], [0, 0, 1]]}, "found one that is flat"),
        ({"padding": {}}, "'x_left_padding"),
        ({"PAQ microscopy points (xy, microns)": {"a": 1}}, "expected n x 2 finite numbers"),
    ],
)
def test_a_broken_microlink_project_is_told(tmp_path: Path, changed: dict[str, object], message: str) -> None:
    with pytest.raises(AlignmentError, match=message) as caught:
        read_transform(write(tmp_path, json.dumps(project(**changed))))
    assert "\n" not in str(caught.value)


def test_a_microlink_project_is_not_told_twice_how_to_be_taken(tmp_path: Path) -> None:
    with pytest.raises(AlignmentError, match="which says direction and pixel sizes"):
        read_transform(write(tmp_path, json.dumps(project())), inverse=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found 0 numbers"),
        ("1 2 3 4", "found 4 numbers"),
        ("1 2 " * 100_000, "found 200000 numbers"),
        ("x,y\n1,2", "expected a 3 x 3 matrix, a QuPath affine"),
        ("1,0,0\n1,0,0\n0,0,1", "a transform with an inverse, found none"),
        ("1,nan,0\n0,1,0\n0,0,1", "finite numbers"),
        ("1,0,0\n0,1,0\n0,0.1,1", "perspective"),
        (rows(np.eye(4)[:, :4], n=4), "one of space"),
        ("{", "expected a transform as JSON"),
        ("[" * 100_000, "found"),
        ("{" * 5 + '"a":' * 100_000, "expected a transform as JSON"),
        ("{}", "JSON without a matrix"),
        ('{"matrix": "[[1,0,0],[0,1,0],[0,0,1]]"}', "JSON without a matrix"),
        ('{"matrix": [[1,0,0],[0,"x",0],[0,0,1]]}', "found"),
        ('{"matrix": [[1,0,0],[0,' + "9" * 400 + ",0],[0,0,1]]}", "found"),
        ('{"m00": null, "m10": 0, "m01": 0, "m11": 1, "m02": 0, "m12": 0}', "found"),
        ("AffineTransform[[0.5, -0.1], [0.12, 0.48]]", "AffineTransform of 4 numbers"),
        ("Affine [1, 0, 5, 0, 0, 1, 0, 0, 0, 0, 1, 0]", "Affine of 12 numbers"),
        (b"\xac\xed\x00\x05sr\x00\x13java.util.ArrayList", "found a Java object, as QuPath scripts write them"),
        (b"\x89HDF\r\n\x1a\n\xff", "as text, found other bytes"),
        (b"1\x002", "as text, found other bytes"),
        ("1" * 1_000_001, "at most 1 MB"),
        (ITK, "1 to 100 ITK transforms, found 0"),
        (ITK + "Transform: AffineTransform_double_2_2\n" * 101, "found 101"),
        (ITK + "Transform: AffineTransform_double_3_3\nParameters: 1 0 0 0 1 0 0 0 1 0 0 0", "of the plane"),
        (ITK + "Transform: BSplineTransform_double_2_2\nParameters: 1 2", "found BSplineTransform, which no matrix"),
        (ITK + "Transform: AffineTransform_double_2_2\nParameters: 1 0 0", "6 parameters"),
        (ITK + "Transform: AffineTransform_double_2_2\nParameters: 1 0 0 x 0 0\n", "finite numbers after Parameters"),
        (
            ITK + "Transform: AffineTransform_double_2_2\nParameters: 1 0 0 1 0 0\nFixedParameters: 0 0 0",
            "a centre of 2",
        ),
        (ITK + "Transform: Similarity2DTransform_double_2_2\nParameters: 0 0 1 1\nFixedParameters: 0 0", "found none"),
        (ITK + "Transform: TranslationTransform_double_2_2\nParameters: inf 1", "finite numbers after"),
        (ITK + "Transform: IdentityTransform_double_2_2\n" * 2, "composite of several, found 2 without one"),
        (ITK + "Transform: CompositeTransform_double_2_2\n", "found one of nothing"),
        (ITK + "Transform: CompositeTransform_double_3_3\n", "of the plane"),
    ],
)
def test_what_is_no_transform_of_the_plane_is_refused_in_one_line(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    with pytest.raises(AlignmentError, match=message) as caught:
        read_transform(write(tmp_path, text))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_composite_beyond_all_numbers_is_refused(tmp_path: Path) -> None:
    one = "Transform: ScaleTransform_double_2_2\nParameters: 1e11 1e11\nFixedParameters: 0 0\n"
    with pytest.raises(AlignmentError, match="found none"):
        read_transform(write(tmp_path, f"{ITK}Transform: CompositeTransform_double_2_2\n{one * 50}"))


@given(text=st.text(alphabet="0123456789.eE+-,[]{}:\"'matrixm0 \n\tnaif#", max_size=60) | st.binary(max_size=40))
def test_whatever_a_file_holds_it_is_taken_or_refused(
    tmp_path_factory: pytest.TempPathFactory, text: str | bytes
) -> None:
    path = write(tmp_path_factory.mktemp("any"), text)
    found = from_matrix(np.eye(3))
    with contextlib.suppress(AlignmentError):  # anything else is a traceback
        found = read_transform(path)
    assert np.isfinite(found.matrix).all()


def test_a_missing_transform_names_the_key(tmp_path: Path) -> None:
    for path in (tmp_path / "none.txt", tmp_path):
        with pytest.raises(MissingFileError, match=r"check align.path"):
            read_transform(path)


def test_an_affine_plate_is_written_as_the_matrix_that_it_is(tmp_path: Path) -> None:
    square = np.array([[0.0, 0], [1000, 0], [1000, 600], [0, 600]])
    fit = fit_landmarks(np.column_stack([square, square + 5]), "thin_plate")
    write_transform(fit, tmp_path / "t.csv", "matrix_csv")
    np.testing.assert_array_equal(read_transform(tmp_path / "t.csv").matrix, fit.matrix)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("1,0,5\n0,1,7\n0,0,1\n", True),
        ("1.0,\t0.0,\t5.0,\n0.0,\t1.0,\t7.0\n", True),
        ("AffineTransform[[1.0, 0.0, 5.0], [0.0, 1.0, 7.0]]", True),
        ("#Insight Transform File V1.0\n", True),  # broken, but nothing else: read_transform tells what is wrong
        ("1 0 0\n0 1 0\n0.5 0 1\n", True),  # with perspective, which is told
        (json.dumps({"matrix": [[1, 0, 5], [0, 1, 7], [0, 0, 1]]}), True),
        (json.dumps({"m00": 1, "m01": 0, "m02": 5, "m10": 0, "m11": 1, "m12": 7}), True),
        (json.dumps({"type": "FeatureCollection", "features": []}), False),
        ("{", False),
        ("x_um,y_um,type\n1,2,CD8\n", False),
        ("1,2\n3,4\n", False),
        ("Dear all, see the attached file.", False),
        ("", False),
        ("\x00\x01", False),
    ],
)
def test_a_transform_is_told_from_other_texts(tmp_path: Path, text: str, is_one: bool) -> None:
    assert is_transform(write(tmp_path, text)) is is_one
    assert not is_transform(tmp_path / "gone.txt")
