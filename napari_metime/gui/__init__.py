"""The window: the only folder that imports napari or Qt."""
