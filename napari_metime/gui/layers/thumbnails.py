"""Small pictures of channels, made a few at a time while the window waits for its user."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QIcon, QImage, QPainter, QPixmap

from napari_metime.gui.layers.channel_look import look_of, rgba_of, shown_image
from napari_metime.section import Channel

SIZE = QSize(40, 26)
PIXELS = 1 << 16
"""Pixels of an image that its contrast is judged by at most, evenly spread. Our own choice."""
SIDE = 160
"""Rows and columns that are drawn at most."""
BUSY_S = 0.02
"""How long the window is kept at a time; a click waits no longer than this and one picture more. Our own choice."""


class Thumbnails(QObject):
    """The pictures of a set of channels; each is made when it is first asked for."""

    made = Signal(str)
    """The picture of this channel is there."""

    def __init__(self) -> None:
        super().__init__()
        self._channels: Mapping[str, Channel] = {}
        self._inside: NDArray[np.bool_] = np.zeros((0, 0), dtype=bool)
        self._pictures: dict[str, QIcon] = {}
        self._due: list[str] = []
        self._nothing = QIcon(_empty())
        self._timer = QTimer(self, singleShot=True, interval=0)
        self._timer.timeout.connect(self._make_some)

    def restart(self, channels: Mapping[str, Channel], inside: NDArray[np.bool_]) -> None:
        """Start over with other channels.

        Parameters
        ----------
        inside : ndarray of shape (rows, cols), bool: where contrast is judged
        """
        self._timer.stop()
        self._channels, self._inside = channels, inside
        self._pictures, self._due = {}, []

    def picture(self, name: str) -> QIcon:
        """Return the picture of a channel: empty until it is made, and where there is no such channel."""
        if name in self._pictures:
            return self._pictures[name]
        if name in self._channels and name not in self._due:
            self._due.append(name)
            self._timer.start()
        return self._nothing

    def _make_some(self) -> None:
        end_s = time.perf_counter() + BUSY_S
        while self._due and time.perf_counter() < end_s:
            name = self._due.pop()  # the newest: what was asked for before may be out of sight again
            self._pictures[name] = _untinted(draw(self._channels[name], self._inside))
            self.made.emit(name)
        if self._due:
            self._timer.start()


def draw(channel: Channel, inside: NDArray[np.bool_]) -> QPixmap:
    """Draw a channel in its colours, as large as fits into ``SIZE``."""
    step = max(1, math.ceil(math.sqrt(channel.image.size / PIXELS)))
    look = look_of(replace(channel, image=channel.image[::step, ::step]), inside[::step, ::step])
    stride = max(1, math.ceil(max(channel.image.shape) / SIDE))
    small = replace(channel, image=channel.image[::stride, ::stride])
    rgba = np.ascontiguousarray(rgba_of(shown_image(small, inside[::stride, ::stride]), look))
    height, width = rgba.shape[:2]
    image = QImage(rgba.data, width, height, 4 * width, QImage.Format.Format_RGBA8888)
    is_large = width > SIZE.width() or height > SIZE.height()
    way = Qt.TransformationMode.SmoothTransformation if is_large else Qt.TransformationMode.FastTransformation
    return _centred(image.scaled(SIZE, Qt.AspectRatioMode.KeepAspectRatio, way))


def _untinted(picture: QPixmap) -> QIcon:
    """Return an icon that keeps its colours where its row is selected."""
    icon = QIcon(picture)
    icon.addPixmap(picture, QIcon.Mode.Selected)
    return icon


def _centred(image: QImage) -> QPixmap:
    """Centre an image on a ground of one size, so that all names beside pictures stand in one line."""
    ground = _empty()
    painter = QPainter(ground)
    painter.drawImage((SIZE.width() - image.width()) // 2, (SIZE.height() - image.height()) // 2, image)
    painter.end()
    return ground


def _empty() -> QPixmap:
    ground = QPixmap(SIZE)
    ground.fill(Qt.GlobalColor.transparent)
    return ground
