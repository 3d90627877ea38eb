"""Sections with known truth: for tests, benchmarks, the demo and the sample data."""

from napari_metime.simulate.anatomy import Anatomy, Niche
from napari_metime.simulate.files import simulate_section
from napari_metime.simulate.peaks import METABOLITES, Metabolite
from napari_metime.simulate.plan import CellRates, SectionPlan
from napari_metime.simulate.truth import SectionTruth, simulate_truth

__all__ = [
    "METABOLITES",
    "Anatomy",
    "CellRates",
    "Metabolite",
    "Niche",
    "SectionPlan",
    "SectionTruth",
    "simulate_section",
    "simulate_truth",
]
