"""The order of the steps, as it follows from the recipe."""

from __future__ import annotations

from napari_metime.gui.state.chain import STEPS, ancestors, in_order, needs
from napari_metime.gui.state.session import Session


def test_the_order_is_that_of_the_window_where_nothing_else_is_asked():
    assert in_order(Session().values) == STEPS


def test_tissue_by_cells_and_channels_of_the_microscopy_wait_for_the_alignment():
    session = Session()
    session.put("tissue", "method", "cells")
    assert needs(session.values, "tissue") == ("data", "align")
    assert in_order(session.values) == ("data", "cells", "align", "tissue", "metabolites", "niches", "export")
    session.put("tissue", "method", "microscopy:keratin")
    assert "cells" in ancestors(session.values, "tissue")
    session.put("tissue", "method", "auto")
    assert needs(session.values, "metabolites") == ("data", "tissue")
    session.put("microscopy", "channels", {"keratin": 0})
    assert needs(session.values, "metabolites") == ("data", "tissue", "align")
    assert in_order(session.values) == ("data", "tissue", "cells", "align", "metabolites", "niches", "export")


def test_an_image_changes_what_niches_are_made_of():
    session = Session()
    before = session._settings("niches")
    session.put("microscopy", "path", "image.tif")
    assert session._settings("niches") != before
    assert session._settings("metabolites") == Session()._settings("metabolites")
