"""Which networks do these runs share? Dictionary learning or independent components of their reductions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from napari_connectome.analyses.network_notices import of_crumbs
from napari_connectome.analyses.network_start import listed, names_of, start_maps, start_names
from napari_connectome.core.cleaning import Cleaning
from napari_connectome.core.dictionary import learn_dictionary
from napari_connectome.core.errors import InputError, Progress, part, silent
from napari_connectome.core.explained import explained_variance
from napari_connectome.core.ica import group_components, independent_maps, keep_strongest
from napari_connectome.core.network_account import NETWORKS, account, explained_in, number_in
from napari_connectome.core.params import Params, param
from napari_connectome.core.stacked import Stacked
from napari_connectome.core.subject import Reductions
from napari_connectome.core.threads import one_thread, two_threads
from napari_connectome.core.values import Maps, Regions, Volume, expect

Array = npt.NDArray[Any]

ANALYSIS = "learn_networks"
"""What made them, in their provenance."""
MOST = 500
"""Networks that can be learned."""


@dataclass(frozen=True, kw_only=True)
class Networks(Params):
    """How networks are learned."""

    n_components: int = param(20, "How many networks.", low=2, high=MOST, step=1, title="networks")
    method: str = param(
        "dictionary",
        "dictionary: sparse maps by dictionary learning. ica: independent components (CanICA), thresholded.",
        choices=("dictionary", "ica"),
    )
    alpha: float = param(
        10.0, "How sparse the maps of a dictionary are: more leaves fewer voxels. 10 suits some twenty runs; fewer or shorter "
        "ones need less, more or longer ones more.", low=0.0, high=1e6, step=1.0, title="sparsity",
    )  # fmt: skip
    search: str = param(
        "full",
        "full: pass over all voxels until the objective falls no more. early: stop where nilearn does, after some thousand of "
        "them.",
        choices=("full", "early"),
    )
    reduction: str = param(
        "exact",
        "What is kept of each run. exact: its leading principal components. randomized: nilearn's, the last of them rough; "
        "with search early and its start, its very maps.",
        choices=("exact", "randomized"),
    )
    fwhm: float = param(
        4.0, "Width of the Gaussian that smooths the runs first; 0 is off.",
        unit="mm", low=0.0, high=50.0, step=0.5, title="smoothing FWHM", off=0.0,
    )  # fmt: skip
    mask: str = param(
        "epi",
        "Where the voxels are, when no mask is given. epi: brighter than the widest gap in the histogram. "
        "background: what differs from the border, for runs that were masked before.",
        choices=("epi", "background"),
    )
    n_init: int = param(
        10, "How often independent components are sought from another start.", low=1, high=100, step=1, title="starts"
    )
    ratio: float = param(
        1.0, "Independent maps keep as many weights in total as this many times the voxels of the mask; 0 keeps all.",
        low=0.0, high=10.0, step=0.1, title="threshold ratio", off=0.0,
    )  # fmt: skip
    seed: int = param(0, "Start of the random numbers: the same seed gives the same networks.", low=0, high=2**31 - 1, step=1)
    cleaning: Cleaning = param(Cleaning(), "What is taken out of the series before learning.")


@dataclass(frozen=True, eq=False)
class NetworkMaps(Maps):
    """Networks, the one that explains most first.

    Parameters
    ----------
    explained : (k,) float64 array
        Share of the variance of all runs that each map alone explains.
    score : float
        Share that all maps explain together.
    objective : float
        Of a dictionary: mean over voxels of half the squared error plus alpha times the weights; NaN otherwise.
    objectives : tuple of float
        The objective after each pass over the voxels.
    mask : Volume
    subjects, left_out : tuple of str
        Names of the runs, and a sentence for each that was left out.
    """

    explained: Array = field(default_factory=lambda: np.empty(0))
    score: float = float("nan")
    objective: float = float("nan")
    objectives: tuple[float, ...] = ()
    mask: Volume | None = None
    subjects: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @classmethod
    def of(cls, maps: Maps) -> NetworkMaps:
        """Maps as networks, with what their provenance says of them: as they were before they were saved and read again.

        What it does not say is as of maps that nobody learned, and NaN in `explained`. The mask is not kept in a file.
        """
        if isinstance(maps, NetworkMaps):
            return maps
        about, explained = maps.provenance, explained_in(maps.provenance, len(maps))
        known = {} if explained is None else about
        runs = known.get("runs")
        return cls(
            maps.data,
            maps.grid,
            names=maps.names,
            provenance=about,
            explained=np.full(len(maps), np.nan) if explained is None else explained,
            score=number_in(known, "score"),
            objective=number_in(known, "objective"),
            objectives=tuple(float(each) for each in _listed(known, "objectives", (int, float))),
            subjects=tuple(str(run.get("name", "")) for run in runs if isinstance(run, dict)) if isinstance(runs, list) else (),
            left_out=tuple(_listed(known, "left_out", str)),
        )

    @property
    def learned_with(self) -> Networks | None:
        """How they were learned; None where their provenance does not say."""
        parameters = self.provenance.get("parameters")
        if self.provenance.get("analysis") != ANALYSIS or not isinstance(parameters, dict):
            return None
        try:
            return Networks.from_dict(parameters)
        except (InputError, TypeError, ValueError):  # of a file of another version, or that somebody edited
            return None

    def take(self, indices: Sequence[int]) -> Self:
        """Some of the networks, in this order."""
        which = list(indices)
        names = [self.names[i] for i in which]
        return replace(self, data=self.data[which], names=names, explained=self.explained[which])._accounted()

    def renamed(self, names: Sequence[str]) -> Self:
        """The same networks with other names."""
        return replace(self, names=tuple(names))._accounted()

    def _accounted(self) -> Self:
        """With a provenance of these networks; what they explain and miss together stays that of all that were learned."""
        if NETWORKS not in self.provenance:
            return self
        return replace(self, provenance={**self.provenance, NETWORKS: account(self.names, self.explained)})


def _listed(about: Mapping[str, Any], key: str, kind: Any) -> list[Any]:
    """A list of what a file says; empty where it holds anything else."""
    values = about.get(key)
    return list(values) if isinstance(values, list | tuple) and all(isinstance(value, kind) for value in values) else []


@dataclass(frozen=True, eq=False)
class Sketch:
    """What the networks look like while they are learned.

    Parameters
    ----------
    maps : (k × v) float32 array
    mask : Volume
    doing : str
        What the learning is at.
    """

    maps: Array
    mask: Volume
    doing: str


def begun_with(start: Maps | Regions, params: Networks) -> Networks:
    """The parameters with as many networks as there are maps to start from; one sentence where that cannot be."""
    expect("the start", start, Maps, Regions)
    count = len(start_names(start))
    if 1 < count <= MOST:
        return params.replace(n_components=count)
    if not count:
        raise InputError("the image to start from holds no region: give an atlas, or maps.")
    if count == 1:
        raise InputError("there is 1 map to start from, and at least 2 networks are needed: give more maps.")
    raise InputError(f"there are {count} maps to start from and at most {MOST} networks can be learned: leave some out.")


def networks_of(
    reductions: Reductions,
    params: Networks | None = None,
    *,
    start: Maps | Regions | None = None,
    progress: Progress = silent,
    watch: Callable[[Sketch], None] | None = None,
) -> NetworkMaps:
    """Learn networks from the reductions of one or many runs.

    Parameters
    ----------
    reductions : Reductions
        Of each, the first k rows are used.
    params : Networks
    start : Maps or Regions, optional
        Maps to begin with instead of independent components: an earlier result or an atlas, one map a region. They decide
        how many networks there are; those with names of their own keep them.
    progress : Progress
    watch : callable, optional
        Called, in the thread of the learning, with what the maps look like so far.

    Returns
    -------
    NetworkMaps
        (k, z, y, x) float32, 0 outside the mask; of falling explained variance.

    Raises
    ------
    InputError
        Among others when there are more networks than the runs have components.

    Notes
    -----
    The dictionary begins and, with search "early", stops where nilearn's ``DictLearning`` does; the independent components are
    those of its ``CanICA``. Each map is turned so that more voxels are positive than negative (dictionary), or so that its
    peak is positive (ICA).
    """
    params = Networks.given(params)
    if not reductions.subjects:
        raise InputError("there is no run to learn from: give at least one.")
    params = params if start is None else begun_with(start, params)
    seeds = None if start is None else start_maps(start, reductions.mask)
    voxels = int(np.count_nonzero(reductions.mask.data))
    if voxels < params.n_components:
        raise InputError(
            f"{params.n_components} networks were asked for and the mask has {voxels} voxel{'s' * (voxels != 1)}: "
            "ask for fewer networks or widen the mask."
        )
    subjects = reductions.first(params.n_components).subjects
    rows = Stacked([subject.rows for subject in subjects])
    if not any(row.any() for row in rows):
        raise InputError("the runs hold nothing but zeros in the mask: choose a mask with voxels in the brain.")
    sketch, learning = _sketcher(reductions.mask, watch), part(progress, 0.0, 0.95)
    # One thread a product: its last bits depend on how many there are, and the same call shall give the same maps,
    # whatever else the program is at.
    with one_thread(), two_threads():
        if params.method == "dictionary":
            learned = _dictionary(rows, _order_in_file(reductions.mask), seeds, params, learning, sketch)
        else:
            learned = _independent(rows, seeds, params, learning, sketch)
        return _in_order(learned, rows, reductions, params, start, part(progress, 0.95, 1.0))


@dataclass(frozen=True, eq=False)
class _Learned:
    """What a method gives: maps (k × v) turned and scaled, and what is to be said of them."""

    maps: Array
    objectives: tuple[float, ...] = ()
    about: dict[str, Any] = field(default_factory=dict)


_Watch = Callable[[str], Callable[[Array], None] | None]


def _order_in_file(mask: Volume) -> Array:
    """The voxels of a mask (v,) in the order nilearn has them, that of the file, from which the batches are drawn."""
    number = np.full(mask.grid.shape, -1)
    number[mask.data] = np.arange(np.count_nonzero(mask.data))
    frame = mask.grid.frame
    in_file = number.T if frame is None else frame.to_file(number)
    return np.asarray(in_file[in_file >= 0])


def _dictionary(
    rows: Stacked, order: Array, seeds: Array | None, params: Networks, progress: Progress, sketch: _Watch
) -> _Learned:
    learned = learn_dictionary(
        rows,
        _first_maps(rows, params, part(progress, 0.0, 0.2), sketch) if seeds is None else seeds,
        params.alpha,
        full=params.search == "full",
        seed=params.seed,
        order=order,
        progress=part(progress, 0.2, 1.0),
        watch=sketch("dictionary"),
    )
    return _Learned(_more_positive(learned.maps), learned.objectives, {"batches": learned.batches})


def _first_maps(rows: Stacked, params: Networks, progress: Progress, sketch: _Watch) -> Array:
    """What nilearn begins a dictionary with: independent components from one start."""
    components = group_components(rows, params.n_components, part(progress, 0.0, 0.5))
    watch = sketch("independent components")
    return independent_maps(components, 1, params.seed, progress=part(progress, 0.5, 1.0), watch=watch).maps


def _independent(rows: Stacked, seeds: Array | None, params: Networks, progress: Progress, sketch: _Watch) -> _Learned:
    components = group_components(rows, params.n_components, part(progress, 0.0, 0.3))
    found = independent_maps(
        components, params.n_init, params.seed, seeds, part(progress, 0.3, 1.0), sketch("independent components")
    )
    maps = keep_strongest(found.maps, params.ratio)
    return _Learned(_positive_peak(maps), about={"starts": found.starts, "converged": found.converged})


def _more_positive(maps: Array) -> Array:
    """Maps of norm 1, turned so that more of their voxels are positive than negative."""
    norms = np.sqrt((maps**2).sum(axis=1))
    turn = np.where((maps > 0).sum(axis=1) < (maps < 0).sum(axis=1), -1.0, 1.0)
    return np.asarray(maps * (turn / np.where(norms == 0, 1.0, norms))[:, None]) + 0.0  # no -0


def _positive_peak(maps: Array) -> Array:
    """Maps turned so that the largest magnitude is positive."""
    return np.asarray(maps * np.where(maps.max(axis=1) < -maps.min(axis=1), -1.0, 1.0)[:, None]) + 0.0


def _sketcher(mask: Volume, watch: Callable[[Sketch], None] | None) -> _Watch:
    """For a word on what is being done, the function that shows maps as they are then; None where nobody watches."""

    def showing(doing: str) -> Callable[[Array], None] | None:
        if watch is None:
            return None
        return lambda maps: watch(Sketch(_more_positive(maps).astype(np.float32), mask, doing))

    return showing


def _in_order(
    learned: _Learned,
    rows: Stacked,
    reductions: Reductions,
    params: Networks,
    start: Maps | Regions | None,
    progress: Progress,
) -> NetworkMaps:
    """The maps as a result: those with voxels sorted and named, the rest told."""
    maps = learned.maps.astype(np.float32)
    each, score = explained_variance(rows, maps, float(sum(s.total for s in reductions.subjects)), progress)
    order = np.argsort(-each, kind="stable")
    empty = [int(i) for i in order if not maps[i].any()]
    order = order[: len(order) - len(empty)]
    names, mask = names_of(order, start), reductions.mask
    data = np.zeros((len(order), *mask.grid.shape), dtype=np.float32)
    data[:, mask.data] = maps[order]
    result = NetworkMaps(
        data,
        mask.grid,
        names=names,
        explained=each[order],
        score=score,
        objective=learned.objectives[-1] if learned.objectives else float("nan"),
        objectives=learned.objectives,
        mask=mask,
        subjects=tuple(subject.name for subject in reductions.subjects),
        left_out=(*reductions.left_out, *_told(empty, len(maps), params, start)),
    )
    return replace(result, provenance=_provenance(result, learned, reductions, params, start, order))


def _told(empty: list[int], of: int, params: Networks, start: Maps | Regions | None) -> list[str]:
    """A sentence on the maps that came out empty, if there are any; `InputError` where all did."""
    if not empty:
        return []
    which = f"{len(empty)} of {of} networks" if start is None else listed([start_names(start)[i] for i in sorted(empty)])
    sparse, more = _sparse(params)
    if len(empty) == of:
        raise InputError(f"no voxel has a weight in any of the {of} networks {sparse}: {more}.")
    return [
        f"{which} came out empty {sparse} and {'is' if len(empty) == 1 else 'are'} left out: "
        f"{more} to have all, or ask for fewer networks."
    ]


def _sparse(params: Networks) -> tuple[str, str]:
    """What makes maps small, and what is to be done where they are too small."""
    if params.method == "ica":
        return f"with a threshold ratio of {params.ratio:g}", "raise the threshold ratio"
    return f"at a sparsity of {params.alpha:g}", "lower the sparsity"


def _provenance(
    result: NetworkMaps,
    learned: _Learned,
    reductions: Reductions,
    params: Networks,
    start: Maps | Regions | None,
    order: Array,
) -> dict[str, Any]:
    """What made the maps, in plain values."""
    mask = reductions.mask
    voxels = int(np.count_nonzero(mask.data))
    sizes = np.count_nonzero(result.data, axis=(1, 2, 3))
    crumbs = of_crumbs(result.names, sizes, result.explained, voxels, *_sparse(params))
    return {
        "analysis": ANALYSIS,
        "parameters": params.to_dict(),
        "runs": [{"name": s.name, "volumes": s.n_volumes, "components": len(s.rows)} for s in reductions.subjects],
        "left_out": list(result.left_out),
        "notices": [*reductions.notices, *crumbs],
        "mask": {"name": mask.name, "voxels": voxels, "mm3": round(voxels * mask.grid.voxel_volume, 3)},
        "start": None if start is None else [start_names(start)[i] for i in order],
        NETWORKS: account(result.names, result.explained),
        "learned": len(result),
        "score": result.score,
        "objective": learned.objectives[-1] if learned.objectives else None,
        "objectives": list(learned.objectives),
        **learned.about,
    }
