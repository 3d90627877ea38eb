"""Tables as the programs write them: told by their header, with places, unit, type and area where they are said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_metime.cells import propose_cell_gates
from napari_metime.cells.columns import find_positions
from napari_metime.cells.delimited_formats import FORMATS, recognise_format
from napari_metime.cells.reading import read_delimited_cells as read_cell_table
from napari_metime.errors import CellTableError
from napari_metime.section import CellTable

QUPATH = "Image,Object ID,Object type,Name,Classification,Parent,ROI,Centroid X µm,Centroid Y µm,Cell: Area µm^2"
INFORM = (
    "Path\tSample Name\tTissue Category\tPhenotype\tCell ID\tTotal Cells\tTissue Category Area (pixels)\t"
    "Cell Density (per megapixel)\tCell X Position\tCell Y Position\tEntire Cell Area (pixels)\tConfidence"
)
HALO = (
    "Image Location,Analysis Region,Algorithm Name,Object Id,XMin,XMax,YMin,YMax,"
    "CD3 (Opal 570) Positive Classification,"
    "CD3 (Opal 570) Positive Nucleus Classification,CD3 (Opal 570) Nucleus Intensity,CD8 Positive,FOXP3 Positive,"
    "Cell Area (µm²)"
)
MCMICRO = (
    "CellID,DNA_1,CD8,Area,MajorAxisLength,MinorAxisLength,Eccentricity,Solidity,Extent,Orientation,"
    "X_centroid,Y_centroid,phenotype"
)
SCIMAP = "CellID,CD8A,X_position,Y_position,Area,Solidity,phenotype"
CELLPROFILER = (
    "ImageNumber,ObjectNumber,AreaShape_Area,Intensity_MeanIntensity_CD8,Location_Center_X,Location_Center_Y,Class"
)
STEINBOCK = "Image,Object,area,centroid-0,centroid-1,axis_major_length,cell_type"
CODEX = (
    "cell_id:cell_id,region:region,tile_num:tile_num,x:x,y:y,z:z,x_tile:x_tile,y_tile:y_tile,size:size,cyc2:CD8,"
    "ClusterName"
)
ROWS = {
    "QuPath detections": (QUPATH, "a.tif,u-1,Cell,,Tumor: CD8,Root,Geometry,10.5,20.25,80\n"),
    "inForm cells": (INFORM, "C:\\x\ta.im3\tTumor\tCD8\t1\t\t\t\t10.5\t20.25\t80\t97.57 %\n"),
    "HALO objects": (HALO, "a.tif,Layer 1,Phenotyping,7,10,11,20,20.5,1,1,3.5,1,0,80\n"),
    "MCMICRO cells": (MCMICRO, "7,1,2,80,3,4,0.5,0.9,0.7,0.1,10.5,20.25,CD8\n"),
    "scimap cells": (SCIMAP, "7,1,10.5,20.25,80,0.9,CD8\n"),
    "CellProfiler objects": (CELLPROFILER, "1,7,80,0.5,10.5,20.25,CD8\n"),
    "steinbock objects": (STEINBOCK, "a.tiff,7,80,20.25,10.5,9,CD8\n"),
    "CODEX cells": (CODEX, "7,1,3,10.5,20.25,4,1,2,80,5,CD8\n"),
}


def read(tmp_path: Path, header: str, rows: str, **options: object) -> CellTable:
    path = tmp_path / "cells.csv"
    path.write_text(f"{header}\n{rows}", encoding="utf-8")
    given: dict[str, object] = {"x": None, "y": None, "type_column": None, "unit": None, "roles": {}}
    return read_cell_table(path, **(given | options))  # type: ignore[arg-type]


def test_every_format_is_tried_here() -> None:
    assert list(ROWS) == [fmt.name for fmt in FORMATS]


@pytest.mark.parametrize("name", ROWS)
def test_format_is_told_and_read(tmp_path: Path, name: str) -> None:
    header, rows = ROWS[name]
    options: dict[str, object] = {}
    if name == "HALO objects":
        options["gates"] = {"CD8": ("CD3+", "CD8+")}
    if name in ("HALO objects", "scimap cells", "CODEX cells"):
        options["unit"] = "px"
    cells = read(tmp_path, header, rows, **options)
    assert cells.note.startswith(f"{name}, 1 cells, ")
    assert (cells.x.tolist(), cells.y.tolist()) == ([10.5], [20.25])
    assert cells.type.tolist() == ["Tumor: CD8" if name == "QuPath detections" else "CD8"]
    assert cells.unit == ("um" if name == "QuPath detections" else "px")
    assert cells.cell_id.tolist() == {"QuPath detections": ["u-1"], "inForm cells": ["1"]}.get(name, ["7"])
    if name == "CODEX cells":
        assert cells.area.size == 0  # its size counts voxels
    elif name == "HALO objects":
        np.testing.assert_allclose(cells.area, np.pi / 4 * 1 * 0.5)
    else:
        assert cells.area.tolist() == [80]
    assert cells.warnings == ()


@pytest.mark.parametrize("name", ["HALO objects", "scimap cells", "CODEX cells"])
def test_unit_that_nobody_says_is_asked_for(tmp_path: Path, name: str) -> None:
    gates = {"gates": {"CD8": ("CD8+",)}} if name == "HALO objects" else {}
    with pytest.raises(CellTableError, match=r"set cells.unit to px or um"):
        read(tmp_path, *ROWS[name], **gates)


@pytest.mark.parametrize("name", ["MCMICRO cells", "CellProfiler objects", "steinbock objects", "inForm cells"])
def test_stated_unit_wins_over_the_documented_one(tmp_path: Path, name: str) -> None:
    cells = read(tmp_path, *ROWS[name], unit="um")
    assert cells.unit == "um"
    assert cells.area.size == 0  # that column is in px
    assert "is not used, since it is not in µm²" in cells.note


def test_mcmicro_without_its_ids_is_still_known(tmp_path: Path) -> None:
    header, rows = ROWS["MCMICRO cells"]
    cells = read(tmp_path, header.replace("CellID", ""), rows)
    assert cells.note.startswith("MCMICRO cells, 1 cells, centroids in px")
    assert cells.cell_id.tolist() == ["1"]


def test_documented_unit_is_told(tmp_path: Path) -> None:
    assert "centroids in px (as MCMICRO documents), type in 'phenotype'" in read(tmp_path, *ROWS["MCMICRO cells"]).note


def test_other_columns_of_a_known_program_have_no_documented_unit(tmp_path: Path) -> None:
    with pytest.raises(CellTableError, match=r"found 'MajorAxisLength', 'MinorAxisLength'; set cells.unit"):
        read(tmp_path, *ROWS["MCMICRO cells"], x="MajorAxisLength", y="MinorAxisLength")


def test_xenium_centroids_are_not_taken_for_those_of_mcmicro() -> None:
    header = ["cell_id", "x_centroid", "y_centroid", "transcript_counts", "cell_area", "nucleus_area", "type"]
    assert recognise_format(header).name == "Cell table"


@pytest.mark.parametrize(("beside", "unit"), [("(pixels)", "px"), ("(microns)", "um"), ("(square microns)", "um")])
def test_places_of_inform_have_the_unit_of_the_columns_beside(tmp_path: Path, beside: str, unit: str) -> None:
    header = INFORM.replace("(pixels)", beside)
    cells = read(tmp_path, header, ROWS["inForm cells"][1])
    assert cells.unit == unit
    assert "(as the columns beside them)" in cells.note


def test_places_of_inform_without_such_columns_need_a_unit(tmp_path: Path) -> None:
    with pytest.raises(CellTableError, match=r"'Cell X Position', 'Cell Y Position'; set cells.unit to px or um"):
        read(tmp_path, "Phenotype\tCell X Position\tCell Y Position", "CD8\t1\t2\n")
    with pytest.raises(CellTableError, match=r"set cells.unit"):  # two units beside
        read(tmp_path, INFORM + "\tDistance (microns)", ROWS["inForm cells"][1].replace("\n", "\t4\n"))


def test_annotations_among_the_cells_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = ROWS["QuPath detections"][1]
    rows += rows.replace("Cell", "Annotation") + rows.replace("Cell", "Detection").replace("u-1", "u-2")
    cells = read(tmp_path, QUPATH, rows)
    assert cells.cell_id.tolist() == ["u-1", "u-2"]
    assert cells.warnings == ("1 of 3 rows are 'Annotation' in 'Object type'; left out",)


def test_cells_of_several_images_are_told(tmp_path: Path) -> None:
    rows = ROWS["steinbock objects"][1]
    cells = read(tmp_path, STEINBOCK, rows + rows.replace("a.tiff", "b.tiff"))
    assert cells.n_cells == 2
    assert cells.warnings == (
        "the cells are of 2 images in 'Image' ('a.tiff', 'b.tiff') but are taken as of one; keep the rows of one image",
    )


def test_qupath_area_in_another_unit_is_not_used(tmp_path: Path) -> None:
    cells = read(
        tmp_path, QUPATH.replace("Centroid X µm", "Centroid X px").replace("Y µm", "Y px"), ROWS["QuPath detections"][1]
    )
    assert (cells.unit, cells.area.size) == ("px", 0)


def test_areas_that_are_no_areas_are_unknown(tmp_path: Path) -> None:
    row = ROWS["MCMICRO cells"][1]
    cells = read(tmp_path, MCMICRO, row + row.replace("80", "0") + row.replace("80", "") + row.replace("80", "-4"))
    np.testing.assert_array_equal(cells.area, [80, np.nan, np.nan, np.nan])


def test_boxes_in_px_tell_the_size_of_a_px_and_wrong_ones_warn(tmp_path: Path) -> None:
    row = "a.tif,Layer 1,Phenotyping,7,10,20,20,40,1,1,3.5,1,0,39.27\n"  # an ellipse of 10 x 20 px of 0.5 µm
    gates = {"CD8": ("CD8+",)}
    cells = read(tmp_path, HALO, row, unit="px", gates=gates)
    assert "by 'Cell Area (µm²)' a px is some 0.50 µm" in cells.note
    cells = read(tmp_path, HALO, row, unit="um", gates=gates)
    assert cells.area.tolist() == [39.27]
    assert cells.warnings == ("the areas are 0.25 times those of the boxes in µm²: check whether cells.unit is um",)
    assert read(tmp_path, HALO, row.replace("39.27", "157.1"), unit="um", gates=gates).warnings == ()


def test_areas_in_px_beside_boxes_in_um_tell_no_size_of_a_px(tmp_path: Path) -> None:
    row = "a.tif,Layer 1,Phenotyping,7,10,20,20,40,1,1,3.5,1,0,628.3\n"
    cells = read(tmp_path, HALO.replace("(µm²)", "(px²)"), row, unit="um", gates={"CD8": ("CD8+",)})
    np.testing.assert_allclose(cells.area, np.pi / 4 * 200)
    assert "a px is" not in cells.note


def test_documented_unit_does_not_go_with_half_of_another(tmp_path: Path) -> None:
    header = MCMICRO.replace("X_centroid", "X_centroid (µm)")
    with pytest.raises(CellTableError, match=r"set cells.unit to px or um"):
        read(tmp_path, header, ROWS["MCMICRO cells"][1], x="X_centroid (µm)", y="Y_centroid")


def test_table_of_markers_without_types_offers_gates(tmp_path: Path) -> None:
    with pytest.raises(CellTableError, match=r"set cells.gates to \{Treg: \[CD3\+, FOXP3\+\], CD8 T: \[CD3\+, CD8\+\]"):
        read(tmp_path, *ROWS["HALO objects"], unit="px")


def test_real_inform_tables_of_both_decimal_signs_are_the_same(metime_data: Path) -> None:
    folder = metime_data / "cells" / "phenoptr"
    tables = [
        read_cell_table(
            folder / f"FIHC4__0929309_HP_IM3_2_{name}.txt",
            x=None,
            y=None,
            type_column=None,
            unit=None,
            roles={"effector": ("Cytotoxic T",)},
            type_probability="Confidence",
        )
        for name in ("cell_seg_data", "comma_cell_seg_data")
    ]
    for cells in tables:
        assert cells.note.startswith(
            "inForm cells, 270 cells, positions in px (as the columns beside them), type in 'Ph"
        )
        assert cells.warnings == ()
        assert (cells.x[:3].tolist(), cells.y[:3].tolist()) == ([268, 142, 233], [6, 7, 5])
        assert cells.area[:3].tolist() == [226, 268, 192]
        np.testing.assert_allclose(cells.type_probability[:3], [0.9757, 0.7143, 0.9977], rtol=1e-12)
        assert np.count_nonzero(cells.has_role("effector")) == 6
    np.testing.assert_array_equal(tables[0].type_probability, tables[1].type_probability)


def test_real_halo_table_is_typed_by_its_markers(metime_data: Path) -> None:
    path = metime_data / "cells" / "halo" / "TMA1_3B.csv"
    gates = propose_cell_gates(path)
    assert gates == {"Treg": ("CD3+", "FOXP3+"), "CD8 T": ("CD3+", "CD8+"), "T cell": ("CD3+",)}
    cells = read_cell_table(
        path, x=None, y=None, type_column=None, unit="px", roles={"suppressor": ("Treg",)}, gates=gates
    )
    assert cells.note.startswith("HALO objects, 3,803 cells, centres of the bounding boxes in px, type by cells.gates")
    assert "a px is some 0.50 µm" in cells.note
    assert (cells.x[0], cells.y[0]) == ((1290 + 1312) / 2, (2393 + 2409) / 2)
    assert cells.area[0] == np.pi / 4 * 22 * 16
    # HALO's own columns say as many: CD3..FOXP3. and CD3..CD8.
    assert np.count_nonzero(cells.type == "Treg") == 3
    assert np.count_nonzero(cells.type == "CD8 T") == 3
    assert np.count_nonzero(cells.type == "unassigned") == np.count_nonzero(cells.role == "other") - 3 - 11


def test_real_scimap_table_by_levels(metime_data: Path) -> None:
    path = metime_data / "cells" / "scimap" / "example_data.csv"
    given = {"x": None, "y": None, "type_column": None, "roles": {}, "gates": {"CD8 T": ("CD3D > 2000", "CD8A > 2000")}}
    with pytest.raises(CellTableError, match=r"found 'X_position', 'Y_position'; set cells.unit"):
        read_cell_table(path, unit=None, **given)  # type: ignore[arg-type]
    cells = read_cell_table(path, unit="px", **given)  # type: ignore[arg-type]
    assert cells.n_cells == 3029
    assert (cells.x[0], cells.y[0], cells.area[0]) == (107.0075758, 735.0378788, 132)
    table = np.genfromtxt(path, delimiter=",", names=True)
    np.testing.assert_array_equal(cells.type == "CD8 T", (table["CD3D"] > 2000) & (table["CD8A"] > 2000))


@pytest.mark.parametrize(
    ("name", "one", "column"),
    [
        ("QuPath detections", "a.tif", "Image"),
        ("inForm cells", "a.im3", "Sample Name"),
        ("HALO objects", "a.tif", "Image Location"),
        ("MCMICRO cells", "", "imageid"),
        ("scimap cells", "", "imageid"),
        ("CellProfiler objects", "", "ImageNumber"),
        ("CODEX cells", "", "region:region"),
    ],
)
def test_images_are_told_for_every_program(tmp_path: Path, name: str, one: str, column: str) -> None:
    header, row = ROWS[name]
    if one:
        rows = row + row.replace(one, "b")
    elif column in header:
        fields = row.split(",")
        fields[header.split(",").index(column)] = "2"
        rows = row + ",".join(fields)
    else:
        header += f",{column}"
        rows = row.replace("\n", ",1\n") + row.replace("\n", ",2\n")
    gates = {"gates": {"CD8": ("CD8+",)}} if name == "HALO objects" else {}
    cells = read(tmp_path, header, rows, unit="um" if name == "QuPath detections" else "px", **gates)
    assert cells.note.startswith(f"{name}, 2 cells")
    assert any(text.startswith(f"the cells are of 2 images in {column!r} ") for text in cells.warnings)


@pytest.mark.parametrize(
    "column",
    [
        *("Image", "imageid", "Image Name", "ImageNumber", "File Name", "Region", "sample", "Slide_ID", "ROI", "FOV"),
        *("core", "TMA core", "batch"),
    ],
)
def test_images_of_tables_of_no_known_program_are_told(tmp_path: Path, column: str) -> None:
    assert read(tmp_path, f"x_um,y_um,type,{column}", "1,2,CD8,A\n3,4,CD8,B\n").warnings == (
        f"the cells are of 2 images in {column!r} ('A', 'B') but are taken as of one; keep the rows of one image",
    )
    assert read(tmp_path, f"x_um,y_um,type,{column}", "1,2,CD8,A\n3,4,CD8,A\n5,6,CD8,\n").warnings == ()


def test_parts_of_one_image_are_no_images(tmp_path: Path) -> None:
    rows = "1,2,CD8,a.tif,Tumor\n3,4,CD8,a.tif,Stroma\n"
    assert read(tmp_path, "x_um,y_um,type,Image,Region", rows).warnings == ()
    assert "2 images in 'fov'" in read(tmp_path, "x_um,y_um,type,sample,fov", "1,2,T,a,1\n3,4,T,a,2\n").warnings[0]
    header = "Object ID,Class,ROI,Centroid X px,Centroid Y px"
    assert read(tmp_path, header, "a,T,Polygon,1,2\nb,T,Rectangle,3,4\n").warnings == ()  # a kind of shape


@pytest.mark.parametrize("prefix", ["", "Cells_"])
@pytest.mark.parametrize("has_objects", [False, True])
def test_cellprofiler_objects_may_be_named_in_two_ways(tmp_path: Path, prefix: str, has_objects: bool) -> None:
    names = ["AreaShape_Area", "Location_Center_X", "Location_Center_Y", "Class"]
    header = "ImageNumber,ObjectNumber," + ",".join(prefix + name for name in names)
    if has_objects:
        header = "Image,Image,Cells,Cells,Cells,Cells\n" + header
    cells = read(tmp_path, header, "1,7,80,10.5,20.25,CD8\n1,8,90,1,2,T\n", type_column=f"{prefix}Class")
    assert (cells.x.tolist(), cells.y.tolist(), cells.unit) == ([10.5, 1], [20.25, 2], "px")
    assert (cells.cell_id.tolist(), cells.area.tolist(), cells.type.tolist()) == (["7", "8"], [80, 90], ["CD8", "T"])
    of_which = " of 'Cells'" if prefix else ""
    told = f"CellProfiler objects, 2 cells, centroids{of_which} in px (as CellProfiler documents)"
    assert cells.note.startswith(told)


@pytest.mark.parametrize("has_two_rows", [False, True])
def test_cells_are_taken_among_several_objects(tmp_path: Path, has_two_rows: bool) -> None:
    names = ["Location_Center_X", "Location_Center_Y", "Number_Object_Number"]
    header = "ImageNumber,ObjectNumber," + ",".join(f"{of}_{name}" for of in ("Nuclei", "Cells") for name in names)
    if has_two_rows:
        objects = "Image,Image,Nuclei,Nuclei,Nuclei,Cells,Cells,Cells,Cells"
        header = f"{objects}\nImageNumber,ObjectNumber,{','.join(names * 2)}"
    cells = read(tmp_path, f"{header},type", "1,7,1,2,7,10,20,7,CD8\n")
    assert (cells.x.tolist(), cells.y.tolist()) == ([10], [20])
    assert "centroids of 'Cells', not of 'Nuclei', in px" in cells.note
    assert "x from 'Cells_Location_Center_X'" in cells.note


def test_first_object_is_taken_where_none_is_called_cells(tmp_path: Path) -> None:
    header = "ImageNumber,Nuclei_Number_Object_Number,Nuclei_AreaShape_Center_X,Nuclei_AreaShape_Center_Y,type"
    cells = read(tmp_path, header, "1,7,10,20,CD8\n")
    assert (cells.cell_id.tolist(), cells.unit) == (["7"], "px")
    assert "centroids of 'Nuclei' in px" in cells.note


def test_old_annotations_of_qupath_are_told_by_their_name(tmp_path: Path) -> None:
    header = "Image,Name,Class,Parent,ROI,Centroid X px,Centroid Y px"
    rows = "S,PathRootObject,,,,5,5\nS,PathAnnotationObject,Tumor,Image,Polygon,500,500\n"
    cells = read(tmp_path, header, rows + "S,PathCellObject,CD8,PathAnnotationObject,Polygon,1,2\nS,,CD8,,,3,4\n")
    assert cells.x.tolist() == [1, 3]
    assert cells.warnings == ("2 of 4 rows are 'PathRootObject', 'PathAnnotationObject' in 'Name'; left out",)


def test_names_of_qupath_that_r_has_changed_are_known(tmp_path: Path) -> None:
    for micro in ("µ", "."):
        header = f"Object.ID,Classification,Centroid.X.{micro}m,Centroid.Y.{micro}m,Cell..Area.{micro}m.2"
        cells = read(tmp_path, header, "a,CD8,1,2,80\n")
        assert cells.note.startswith("QuPath detections, 1 cells, centroids in µm")
        assert (cells.x.tolist(), cells.area.tolist()) == ([1], [80])


@pytest.mark.parametrize(
    ("x", "y", "area", "unit", "um"),
    [
        ("X mm", "Y mm", "Cell Area (mm²)", "mm", 1e3),
        ("x_nm", "y_nm", "cell_area_nm2", "nm", 1e-3),
        ("x_slide_mm", "y_slide_mm", "Cell.Area.mm.2", "mm", 1e3),
        ("Centroid X [cm]", "Centroid Y [cm]", "Area cm^2", "cm", 1e4),
    ],
)
def test_every_length_of_the_header_is_read_as_um(
    tmp_path: Path, x: str, y: str, area: str, unit: str, um: float
) -> None:
    cells = read(tmp_path, f"{x},{y},{area},type", "1.5,-2,0.25,CD8\n")
    assert cells.unit == "um"
    assert (cells.x[0], cells.y[0], cells.area[0]) == pytest.approx((1.5 * um, -2 * um, 0.25 * um**2), rel=1e-12)
    assert f"in µm ({unit} in the header)" in cells.note
    with pytest.raises(CellTableError, match=rf"the header, {unit} .*found cells.unit: px; leave cells.unit out"):
        read(tmp_path, f"{x},{y},{area},type", "1.5,-2,0.25,CD8\n", unit="px")


def test_places_in_um_are_taken_before_those_in_mm() -> None:
    header = ["x_mm", "y_mm", "x_um", "y_um", "x_px", "y_px", "type"]
    assert header[find_positions(header, x=None, y=None, unit=None)[0]] == "x_um"
    assert header[find_positions([h for h in header if h[-2:] != "um"], x=None, y=None, unit=None)[0]] == "x_mm"


@pytest.mark.parametrize(("x", "y", "told"), [("x (mm)", "y_um", "in one unit"), ("x_inch", "y_inch", "found inch")])
def test_a_header_of_two_units_or_of_inches_is_refused(tmp_path: Path, x: str, y: str, told: str) -> None:
    with pytest.raises(CellTableError, match=told):
        read(tmp_path, f"{x},{y},type", "1,2,CD8\n", x=x, y=y)


def test_names_of_gates_tell_their_columns(tmp_path: Path) -> None:
    cells = read(tmp_path, "x_um,y_um,CD3 Positive,CD8", "1,2,1,1\n", gates={"T": ("CD3+", "CD8 > 0.5")})
    assert "type by cells.gates (1 rule on 'CD3 Positive', 'CD8')" in cells.note
