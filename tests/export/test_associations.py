"""Associations are sorted into families and reasons; their intervals have a known answer."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from napari_metime.export.associations import associations_in_print, axis_of, panel_axes, r_limits
from napari_metime.section import SectionResult


def test_the_interval_of_a_correlation_is_that_of_fisher() -> None:
    """r = 0.5 from 28 independent pairs: 0.156 to 0.736, by hand: z = 0.549306, 1.959964 / 5 = 0.391993."""
    low, high = r_limits({"z": math.atanh(0.5), "se_z": 1 / math.sqrt(28 - 3)})
    assert low == pytest.approx(math.tanh(0.549306 - 0.391993), abs=1e-6)
    assert (round(low, 3), round(high, 3)) == (0.156, 0.736)
    assert all(math.isnan(limit) for limit in r_limits({"z": math.nan, "se_z": 0.2}))
    assert all(math.isnan(limit) for limit in r_limits({}))


def test_axes_come_first_and_the_others_by_their_q(result: SectionResult) -> None:
    found = associations_in_print(result.niches.associations, result.channels.table)
    assert [row.channel for row in found.axes] == ["Tryptophan and kynurenine axis"]
    assert [row.channel for row in found.channels] == ["L-Lactate", "Kynurenine / tryptophan"]
    lactate, ratio = found.channels
    assert (lactate.raw, lactate.estimate, lactate.ess, lactate.q) == ("+0.50", "+0.40", "52", "0.008")
    assert lactate.axis == "Lactate and glycolysis"
    assert lactate.excludes_zero
    assert not ratio.excludes_zero
    assert lactate.low < lactate.x < lactate.high
    assert found.has_peak


def test_p_is_the_larger_of_the_two_tests(result: SectionResult) -> None:
    """0.003 by modified t and 0.004 by shifts; where one of them is not known, the other."""
    lactate, ratio = associations_in_print(result.niches.associations, result.channels.table).channels
    assert (lactate.p, ratio.p) == ("0.004", "0.5")


def test_what_could_not_be_tested_is_told_by_reason() -> None:
    rows = [{"channel": f"c{i}", "kind": "ion", "status": "not_testable", "reason": "too few"} for i in range(14)]
    rows += [{"channel": "d", "kind": "ion", "status": "not_testable", "reason": np.nan}]
    rows += [{"channel": "e", "kind": "ion", "status": "not_measured", "reason": "out of range"}]
    few, unknown = associations_in_print(pd.DataFrame(rows), pd.DataFrame()).untested
    assert (few.reason, few.n, len(few.names), few.n_more) == ("too few", 14, 12, 2)
    assert (unknown.reason, unknown.names) == ("no reason given", ["d"])


def test_an_axis_is_named_by_its_score_or_by_the_panel() -> None:
    of_panel = panel_axes(pd.DataFrame({"channel": ["ATP", "Fe"], "axis": ["energy_adenosine", None]}))
    assert axis_of("axis:trp_kyn", of_panel) == "Tryptophan and kynurenine"
    assert axis_of("ATP", of_panel) == "Energy and adenosine"
    assert axis_of("Fe", of_panel) == ""
    assert panel_axes(pd.DataFrame()) == {}
