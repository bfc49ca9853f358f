"""When something that was done can be seen: on the canvas of a napari window, or on a widget beside it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget

from tools.mouse import let_work

WINDOW = (1000, 700)  # pixels
PATIENCE = 5.0  # seconds


class Watch:
    """Something that may be seen soon: `expect` it, and it is `shown` sooner or later."""

    def expect(self) -> None:
        """From now on, wait for it."""
        raise NotImplementedError

    @property
    def shown(self) -> bool:
        """Whether what was expected can be seen."""
        raise NotImplementedError

    def times(self, acts: Iterable[Callable[[], None]]) -> list[float]:
        """Seconds from each act to what it changes on the screen."""
        seconds = []
        for act in acts:
            self.expect()
            start = time.perf_counter()
            act()
            if not let_work(lambda: self.shown, PATIENCE):
                raise SystemExit(f"step {len(seconds) + 1} never reached the screen")
            seconds.append(time.perf_counter() - start)
        return seconds


class Screen(Watch):
    """Notices when a change of a layer has reached the screen: the layer refreshed, then drawn, then shown.

    Parameters
    ----------
    viewer : napari.Viewer
    layer : napari.layers.Layer
        The map, say.
    event : str
        What the layer emits when it has been refreshed.
    """

    def __init__(self, viewer: Any, layer: Any, event: str = "set_data") -> None:
        self.canvas = viewer.window._qt_viewer.canvas
        self.layer = layer
        self.updates = 0
        self._stage = "shown"
        self._event = getattr(layer.events, event)
        self._event.connect(self._on_update)
        self.canvas._scene_canvas.events.draw.connect(self._on_draw, position="last")
        self.canvas.native.frameSwapped.connect(self._on_shown)

    def close(self) -> None:
        """Stop watching."""
        self._event.disconnect(self._on_update)
        self.canvas._scene_canvas.events.draw.disconnect(self._on_draw)
        self.canvas.native.frameSwapped.disconnect(self._on_shown)

    def expect(self) -> None:
        """From now on, wait for an update."""
        self._stage = "expected"

    @property
    def shown(self) -> bool:
        """Whether what was expected is on the screen."""
        return self._stage == "shown"

    def _on_update(self) -> None:
        self.updates += 1
        if self._stage == "expected":
            self._stage = "updated"

    def _on_draw(self, event: Any) -> None:
        if self._stage == "updated":
            self._stage = "drawn"

    def _on_shown(self) -> None:
        if self._stage == "drawn":
            self._stage = "shown"


class Page(Watch):
    """Notices when a plot has been painted anew.

    Parameters
    ----------
    plot : QWidget
        Whose child it is painted on, of those that pyqtgraph makes.
    """

    def __init__(self, plot: QWidget) -> None:
        self._paintings = _Paintings(plot._plot.viewport())  # type: ignore[attr-defined]
        self._before = 0

    def close(self) -> None:
        """Stop watching."""
        self._paintings.close()

    def expect(self) -> None:
        """From now on, wait for a painting."""
        self._before = self._paintings.count

    @property
    def shown(self) -> bool:
        """Whether it has been painted since."""
        return self._paintings.count > self._before


class All(Watch):
    """Notices when several have been seen.

    Parameters
    ----------
    *parts : Watch
    """

    def __init__(self, *parts: Watch) -> None:
        self._parts = parts

    def expect(self) -> None:
        """From now on, wait for all of them."""
        for part in self._parts:
            part.expect()

    @property
    def shown(self) -> bool:
        """Whether all of them can be seen."""
        return all(part.shown for part in self._parts)


class _Paintings(QObject):
    """Counts how often a widget is painted; it is done before the application goes on."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__()
        self.count = 0
        self._widget = widget
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        self.count += event is not None and event.type() == QEvent.Type.Paint
        return False

    def close(self) -> None:
        self._widget.removeEventFilter(self)
