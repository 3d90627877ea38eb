import pytest

from napari_metime.errors import RecipeError
from napari_metime.simulate import CellRates, Metabolite, SectionPlan


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"n_niches": True}, "n_niches"),
        ({"width_um": float("nan")}, "width_um"),
        ({"niche_rate": 1.1}, "niche_rate"),
        ({"dropout": "much"}, "dropout"),
        ({"mode": "profile"}, "mode"),
        ({"niche_kinds": ()}, "niche_kinds"),
        ({"niche_kinds": ("hot",)}, "niche_kinds"),
        ({"pixel_size_um": 500.0, "width_um": 600.0}, "pixel_size_um"),
        ({"pixel_size_um": 1.0}, "pixel_size_um"),
    ],
)
def test_a_value_out_of_range_is_told_in_one_line(values, name):
    with pytest.raises(RecipeError, match=name) as caught:
        SectionPlan(**values)
    assert "expected" in str(caught.value)
    assert "found" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_rates_and_metabolites_are_checked_too():
    with pytest.raises(RecipeError, match="cd8"):
        CellRates(tumor=1, cd8=-1, treg=1, macrophage_m2=1, fibroblast=1, b_cell=1)
    with pytest.raises(RecipeError, match="Nothing"):
        Metabolite("Nothing", mz=-1.0, counts=1.0)
    with pytest.raises(RecipeError, match="Endless"):
        Metabolite("Endless", mz=100.0, counts=1.0, niche_log2=float("inf"))


def test_the_acquired_area_starts_half_a_pixel_before_the_origin():
    plan = SectionPlan(width_um=1000, height_um=500, pixel_size_um=50)
    assert plan.shape == (10, 20)
    assert plan.bounds_um == (-25, -25, 975, 475)
