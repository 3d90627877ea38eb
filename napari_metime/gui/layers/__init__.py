"""The layers on napari's canvas, their colours, bars and legend."""
