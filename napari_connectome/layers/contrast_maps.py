"""A test of conditions in the viewer: its maps, and the mask that a threshold makes of them, followed live."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer

from napari_connectome.analyses.condition_test import ContrastResult
from napari_connectome.analyses.threshold import Threshold, Thresholder
from napari_connectome.core.crop import Crop
from napari_connectome.core.errors import InputError
from napari_connectome.core.values import Volume
from napari_connectome.layers import results
from napari_connectome.layers.live_mask import LiveMask
from napari_connectome.layers.looks import limits
from napari_connectome.layers.map_colors import MapColors
from napari_connectome.layers.spatial import info, is_volume, layer_kwargs, tell
from napari_connectome.layers.styles import COLD_HOT, HOT, style_map, symmetric_limit

Array = npt.NDArray[Any]

OWNER = "roi t-test"
MEAN, STATISTIC, LOG_P, MASK = "mean image", "test statistic", "test log p", "roi mask"
"""Roles of the layers."""
SHOWN = 0.01
"""Uncorrected p from which on the maps are coloured, so that the mask is seen in its surroundings; more where it reaches
farther."""
LISTED = 3
"""Conditions of an F-test that a layer's name lists."""
BOTH, A, B = "both", "a", "b"
"""Sides: where the conditions differ, where A is larger, where B is."""


@dataclass(frozen=True)
class Cut:
    """How a mask is cut out of a test.

    Parameters
    ----------
    threshold : Threshold
    of : str
        The map a value or percentile is meant in: "log_p", or "statistic" (t or F, without its sign).
    side : str
        "both", "a" (larger in A) or "b". p stays two-sided.
    """

    threshold: Threshold = field(default_factory=Threshold)
    of: str = "log_p"
    side: str = BOTH


@dataclass(frozen=True)
class Account:
    """How large a mask is."""

    voxels: int
    mm3: float
    clusters: int

    def __str__(self) -> str:
        voxels = f"{self.voxels:,} voxel{'s' * (self.voxels != 1)}"
        clusters = f"{self.clusters:,} cluster{'s' * (self.clusters != 1)}"
        return f"{voxels}, {self.mm3:,.0f} mm³ ({clusters})"


class ContrastLayers:
    """Shows a test: mean image, statistic, -log10 p, and the mask of a cut.

    The layers of an earlier test of the same run are renewed; those of another run are hidden, until it is tested again. The
    mask is written in place while nobody else has changed it; one that somebody painted in is theirs, and a new one is added.

    Parameters
    ----------
    viewer : ViewerModel
    result : ContrastResult

    Attributes
    ----------
    statistic : str
        "t" or "F".
    top : float
        Value of the statistic's last colour.
    mean_layer, statistic_layer, log_p_layer : Image
    mask_account : Account
        Of the cut used last.
    """

    def __init__(self, viewer: ViewerModel, result: ContrastResult) -> None:
        self.viewer = viewer
        self.result = result
        self.statistic = result.t.name
        self.mask_account = Account(0, 0.0, 0)
        self.top = symmetric_limit(result.t.data)
        self._clip = float(result.provenance["parameters"]["clip"])
        self._log_p = np.array(result.log_p.data)
        self._size = np.abs(result.t.data)
        self._negative = result.t.data < 0
        self._within: Volume | None = None
        self._tested = self._size > 0
        self._inside: Array = np.empty(0, dtype=np.int64)  # flat
        self._thresholders: dict[str, Thresholder] = {}
        self._starts: dict[MapColors, float] = {}
        self._owner = f"{OWNER} {result.origin.fingerprint}"
        self._set_others_aside()
        self.mean_layer = self._show_mean()
        self.log_p_layer, self._log_p_colors = self._show_map(LOG_P, self._log_p, self.clip, self._log_p, visible=False)
        self.statistic_layer, self._statistic_colors = self._show_map(STATISTIC, result.t.data, self.top, self._size)
        self._mask = LiveMask(viewer, result.t.grid, MASK, self._owner)

    def close(self) -> None:
        """Stop following the layers; they stay with the user."""
        self._log_p_colors.close()
        self._statistic_colors.close()

    @property
    def mask_layer(self) -> Labels | None:
        """The mask; None before the first cut."""
        return self._mask.layer

    @property
    def sides(self) -> dict[str, str]:
        """The sides there are, in words; an F has none."""
        if self.statistic == "F":
            return {BOTH: "any difference"}
        a, b = self.result.counts
        return {BOTH: "both", A: f"{a} > {b}", B: f"{b} > {a}"}

    @property
    def _short(self) -> str:
        """What was compared, short enough for the list of layers."""
        names = list(self.result.counts)
        if self.statistic == "t":
            return self.result.contrast
        return ", ".join(names) if len(names) <= LISTED else f"of {len(names)} conditions"

    @property
    def peak_mm(self) -> Array:
        """Where the statistic is farthest from 0, x, y, z in mm."""
        peak = np.unravel_index(int(np.argmax(self._size)), self._size.shape)
        return self.result.t.grid.to_mm(peak[::-1])

    @property
    def strongest(self) -> str:
        """What the voxel says that differs most among those that count, in words."""
        size = np.where(self._tested, self._size, 0.0)
        peak = np.unravel_index(int(np.argmax(size)), size.shape)
        with np.errstate(divide="ignore"):
            log_p = 0.0 - np.log10(self.result.p.data[peak])
        return f"{self.statistic} {self.result.t.data[peak]:.2f}, -log10 p {log_p:.2f}"

    @property
    def weakest(self) -> float:
        """The smallest statistic in the mask, without its sign; NaN where that is empty."""
        return float(self._size.ravel()[self._inside].min()) if self._inside.size else np.nan

    @property
    def clip(self) -> float:
        """Largest -log10 p that is told apart."""
        return self._clip

    @clip.setter
    def clip(self, clip: float) -> None:
        if clip == self._clip:
            return
        ours = self._log_p_colors.limit == self._clip
        self._clip = clip
        with np.errstate(divide="ignore"):
            np.minimum(0.0 - np.log10(self.result.p.data), clip, out=self._log_p, casting="unsafe")
        self._thresholders.pop("log_p", None)
        layer = self.log_p_layer
        known = info(layer)["provenance"]
        tell(layer, limit=clip, provenance={**known, "parameters": {**known["parameters"], "clip": clip}})
        layer.refresh()
        if ours:
            self._log_p_colors.show(clip, self._log_p_colors.threshold)

    # -- the mask -----------------------------------------------------------------------------------------------------

    def use(self, cut: Cut, within: Volume | None = None) -> Labels:
        """Show the mask of a cut, within another mask (above 0) where one is given; quick enough to follow a slider."""
        self._look_within(within)
        thresholder = self._thresholder(cut)
        inside = thresholder.mask(cut.threshold) & self._tested
        if cut.side != BOTH:
            inside &= self._negative if cut.side == B else ~self._negative
        self._inside = np.flatnonzero(inside)
        words = self._in_words(cut, thresholder)
        origin = replace(self.result.origin, threshold=words)
        made = {**cut.threshold.to_dict(), "of": cut.of, "side": cut.side, "within": within.name if within is not None else ""}
        layer = self._mask.write(
            inside,
            f"Mask {self._short}",
            self.result.contrast,
            origins={1: [origin.to_dict()]},
            provenance={**self.result.provenance, "threshold": made, "in_words": words},
        )
        self.mask_account = self._account(inside)
        self._uncover()
        return layer

    def rest(self) -> None:
        """Do what need not follow every step of a slider."""
        self._mask.rest()

    def _thresholder(self, cut: Cut) -> Thresholder:
        """The one of the map a cut is meant in; made when it is first needed, since it sorts the map."""
        grid, tested = self.result.t.grid, Volume(self._tested, self.result.t.grid)
        if cut.of not in self._thresholders:
            if cut.of == "log_p":  # with its sign, so that neighbours of both signs are two clusters
                signed = Volume(np.where(self._negative, -self._log_p, self._log_p), grid)
                self._thresholders[cut.of] = Thresholder(signed, tested)
            else:
                # Infinite where a voxel is constant in each condition; a threshold takes what is not finite for nothing.
                finite = Volume(np.nan_to_num(self.result.t.data), grid, name=self.statistic)
                self._thresholders[cut.of] = Thresholder(finite, tested, self.result.p)
        return self._thresholders[cut.of]

    def _look_within(self, within: Volume | None) -> None:
        """Take only the voxels of a mask as tested, where it is another one than before, or was painted in."""
        tested = self._size > 0
        if within is not None:
            self.result.t.grid.require(within.grid, "the test", within.name)
            tested &= np.asarray(within.data) > 0
        if not tested.any():
            raise InputError(
                f"there is nothing to threshold in {self.result.origin.run}, which is the same in every volume: "
                "choose another run."
                if within is None
                else f"no voxel that was tested lies in {within.name}: choose another mask, or none."
            )
        self._within = within
        if not np.array_equal(tested, self._tested):
            self._tested = tested
            self._thresholders.clear()

    def _in_words(self, cut: Cut, thresholder: Thresholder) -> str:
        """The cut as people write it."""
        of = "-log10 p" if cut.of == "log_p" else "F" if self.statistic == "F" else "|t|"
        parts = [cut.threshold.in_words(of, thresholder.height(cut.threshold))]
        if cut.side != BOTH:
            parts.append(f"{self.sides[cut.side]} only")
        if self._within is not None:
            parts.append(f"within {self._within.name}")
        return ", ".join(parts)

    def _uncover(self) -> None:
        """Colour the maps wherever the mask is."""
        for colors, size in ((self._statistic_colors, self._size), (self._log_p_colors, self._log_p)):
            lowest = min(self._starts[colors], float(size.ravel()[self._inside].min(initial=np.inf)))
            if lowest != colors.threshold:
                colors.show(colors.limit, lowest)

    # -- the maps -----------------------------------------------------------------------------------------------------

    def _set_others_aside(self) -> None:
        """Hide the maps of other runs, which would be seen through these; show again what was hidden for another run."""
        for layer in self.viewer.layers:
            if not of_test(layer):
                continue
            own = info(layer)["owner"] == self._owner
            if own and info(layer).get("aside"):
                layer.visible = True
                tell(layer, aside=False)
            elif not own and layer.visible:
                layer.visible = False
                tell(layer, aside=True)

    def _show_mean(self) -> Image:
        """The mean image, seen unless there is an anatomical one to see."""
        volume = self.result.mean
        layer = Image(
            volume.data,
            name=f"Mean of {self.result.origin.run}",
            contrast_limits=limits(volume.data),
            colormap="gray",
            visible=not any(_is_anatomy(layer) for layer in self.viewer.layers),
            **layer_kwargs(volume.grid, provenance=self.result.provenance),
        )
        return results.show(self.viewer, layer, MEAN, self._owner)

    def _show_map(self, role: str, data: Array, limit: float, size: Array, visible: bool = True) -> tuple[Image, MapColors]:
        """Show a map; its limits, where the user changed them, stay while it is of the same statistic."""
        name = self.statistic if role == STATISTIC else "-log10 p"
        base = COLD_HOT if name == "t" else HOT
        layer = Image(
            data,
            name=f"{name} {self._short}",
            contrast_limits=(-limit if base is COLD_HOT else 0.0, limit),
            visible=visible,
            **layer_kwargs(self.result.t.grid, provenance=self.result.provenance, statistic=name, limit=limit),
        )
        old = results.find(self.viewer, role, self._owner)
        before = {} if old is None else dict(info(old))
        shown = results.show(self.viewer, layer, role, self._owner)
        start = self._start(size)
        if shown is layer or before.get("statistic") != name:
            style_map(shown, limit, start, base)
        elif shown.contrast_limits[1] != before.get("limit"):
            limit = float(shown.contrast_limits[1])
        colors = MapColors(shown, base)
        colors.show(limit, start)
        self._starts[colors] = start
        return shown, colors

    def _start(self, size: Array) -> float:
        """The smallest value that is coloured in any case, of a map without its sign."""
        finite = np.isfinite(size)  # a voxel that is constant in each condition has an infinite t
        strong = size[(self.result.p.data <= SHOWN) & (self._size > 0) & finite]
        return float(strong.min() if strong.size else size[finite].max(initial=0.0) / 2) or 0.5

    def _account(self, inside: Array) -> Account:
        """Neighbours of both signs are two clusters, as they are for the cluster size."""
        voxels = len(self._inside)
        signs = (inside & self._negative, inside & ~self._negative)
        clusters = sum(_clusters(part) for part in signs) if voxels else 0
        return Account(voxels, voxels * self.result.t.grid.voxel_volume, clusters)


def of_test(layer: Layer) -> bool:
    """Whether a layer shows a test, and is nobody else's."""
    return str(info(layer).get("owner", "")).startswith(OWNER) and results.is_result(layer)


def _is_anatomy(layer: Layer) -> bool:
    """Whether a layer is an image to lay maps over, and seen."""
    return bool(isinstance(layer, Image) and layer.visible and is_volume(layer) and not info(layer).get("owner"))


def _clusters(inside: Array) -> int:
    from scipy.ndimage import label

    return int(label(Crop.around(inside).values)[1]) if inside.any() else 0
