"""Which voxels go with this seed? Correlation of a seed's series with every voxel's, once or live."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.analyses.brain_mask import brain_mask
from napari_connectome.core.cleaning import Cleaning, cleaning_matrix
from napari_connectome.core.errors import InputError, Progress, part, silent
from napari_connectome.core.fisher import fisher_z
from napari_connectome.core.masks import inside_of
from napari_connectome.core.params import Params, param
from napari_connectome.core.reduction import reduce_run, reduce_time
from napari_connectome.core.region_table import region_voxels
from napari_connectome.core.seeds import RADIUS, as_spheres
from napari_connectome.core.threads import one_thread
from napari_connectome.core.values import Maps, Regions, Run, Volume, expect

Array = npt.NDArray[Any]

AT_ONCE = 6_000_000
"""Numbers multiplied in one go: some 2 ms on an ordinary core, so that a live map is never felt."""


@dataclass(frozen=True, kw_only=True)
class SeedMap(Params):
    """How a seed map is made."""

    radius: float = param(**RADIUS)
    fwhm: float = param(
        6.0, "Width of the Gaussian that smooths the brain before correlating (the seed's average is not smoothed); 0 is off.",
        unit="mm", low=0.0, high=50.0, step=0.5, title="smoothing FWHM", off=0.0,
    )  # fmt: skip
    cleaning: Cleaning = param(Cleaning(), "What is taken out of the series before correlating.")
    statistic: str = param(
        "r",
        "r: Pearson's correlation. fisher_z: artanh r, |r| clipped at 0.999999. z_score: artanh r times the square root of "
        "the degrees of freedom left after cleaning.",
        choices=("r", "fisher_z", "z_score"),
    )


class SeedMapper:
    """Prepares a run once, then maps any seed in milliseconds.

    Parameters
    ----------
    run : Run
        Its `confounds` are regressed out, its `keep` leaves volumes out.
    params : SeedMap
    mask : Volume, optional
        The voxels that get a value and may be part of a seed; found by `brain_mask` with method "auto" when not given.
    progress : Progress

    Attributes
    ----------
    mask : Volume
        bool, (z, y, x).
    dof : float
        Degrees of freedom of Fisher's z: independent volumes left after cleaning, less 2 (T - 3 for a clean run). Under white
        noise; slow noise that the cleaning leaves makes the truth smaller.
    error_bound : float
        How much any r between voxels can be off because rows that hardly matter were left out.
    seed : int array
        The seed's voxels, as positions among the voxels of the mask, ascending.

    Notes
    -----
    `add` and `remove` cost what changes, and are exact: however a seed came about, its map is bit for bit that of `select`
    with the voxels it has in the end.

    Seed series are averages over the voxels of the *unsmoothed* run inside the mask, then cleaned; the map is smoothed: as
    in nilearn's seed-to-voxel example, whose r this equals up to that example's factor (T-1)/T.
    """

    def __init__(
        self, run: Run, params: SeedMap | None = None, mask: Volume | None = None, *, progress: Progress = silent
    ) -> None:
        expect("the run", run, Run)
        self.params = params = SeedMap.given(params)
        matrix = cleaning_matrix(run.n_volumes, run.tr, params.cleaning, confounds=run.confounds, keep=run.keep)
        self._matrix = matrix
        time = reduce_time(matrix)
        if mask is None:
            mask = brain_mask(run, "auto", progress=part(progress, 0.0, 0.1))
        expect("the mask", mask, Volume)
        called = f"the mask {mask.name}" if mask.name != "volume" else "the mask"
        run.grid.require(mask.grid, run.name, called)
        inside = inside_of(mask.data, called)
        if not inside.any():
            raise InputError("the mask is empty: choose one with voxels in the brain.")
        self.mask = Volume(inside, run.grid, name=mask.name)
        self.grid = run.grid
        self.tr = run.tr
        self.run_name = run.name
        self.dof = max(1.0, time.effective - 2)
        self._reduced, rows = reduce_run(run.data, run.grid, inside, time, params.fwhm, part(progress, 0.1, 1.0))
        self._basis = time.basis[:, :rows]
        self.volumes = np.arange(run.n_volumes) if run.keep is None else np.flatnonzero(run.keep)
        self._censored = [] if run.keep is None else np.flatnonzero(~run.keep).tolist()
        self._where = np.flatnonzero(inside)
        self._position = np.full(inside.size, -1, dtype=np.int32)
        self._position[self._where] = np.arange(len(self._where), dtype=np.int32)
        self._member = np.zeros(len(self._where), dtype=bool)
        self._seed: Array | None = np.empty(0, dtype=np.int64)
        self._sum = np.zeros(rows)
        self.use(params.statistic)
        self.confounds = [] if run.confounds is None else [str(c) for c in run.confounds.columns]
        progress(1.0, "ready")

    def use(self, statistic: str) -> None:
        """Answer in another statistic from now on; nothing is prepared again."""
        self.params = self.params.replace(statistic=statistic)
        self._statistic = statistic_function(statistic, self.dof)

    @property
    def n_voxels(self) -> int:
        """Number of voxels v in the mask."""
        return len(self._where)

    @property
    def n_rows(self) -> int:
        """Number of rows k that the volumes were reduced to."""
        return len(self._reduced.unit)

    @property
    def error_bound(self) -> float:
        """See the class."""
        return self._reduced.error_bound

    # -- the seed -----------------------------------------------------------------------------------------------------

    def positions(self, voxels: Array) -> Array:
        """Flat voxel indices of the grid, or a (z, y, x) bool array, to positions in the mask; voxels outside are left out."""
        flat = np.flatnonzero(voxels) if voxels.dtype == bool else voxels
        found = self._position[flat]
        return np.asarray(found[found >= 0])

    def sphere(self, centre_mm: npt.ArrayLike, radius: float | None = None) -> Array:
        """Positions of the mask's voxels in a sphere; the radius is the parameters' unless given."""
        return self.positions(self.grid.sphere_voxels(centre_mm, self.params.radius if radius is None else radius))

    @property
    def seed(self) -> Array:
        """See the class."""
        if self._seed is None:
            self._seed = np.flatnonzero(self._member)
        return self._seed

    @property
    def seed_voxels(self) -> Array:
        """The seed's voxels as flat indices of the grid, ascending."""
        return np.asarray(self._where[self.seed])

    def select(self, positions: Array) -> None:
        """Make these voxels the seed. Only what is other than in the seed before is summed, where that is less."""
        positions = _ascending(positions)
        new, before = positions[~self._member[positions]], self.seed
        self._member[positions] = False
        gone = before[self._member[before]]
        self._member[gone], self._member[positions], self._seed = False, True, positions
        if len(new) + len(gone) < len(positions):
            self._sum = self._sum + self._reduced.total(new) - self._reduced.total(gone)
        else:
            self._sum = self._reduced.total(positions)

    def add(self, positions: Array) -> Array:
        """Add voxels to the seed and return those that were not part of it before."""
        new = _ascending(positions)
        new = new[~self._member[new]]
        self._member[new], self._seed = True, None
        self._sum = self._sum + self._reduced.total(new)
        return new

    def remove(self, positions: Array) -> Array:
        """Take voxels out of the seed and return those that were part of it."""
        gone = _ascending(positions)
        gone = gone[self._member[gone]]
        self._member[gone], self._seed = False, None
        self._sum = self._sum - self._reduced.total(gone)
        return gone

    def series(self, run: Run | None = None) -> Array:
        """The seed's mean series, cleaned and centred, in the run's own unit: one value for each of `volumes`.

        From the reduced rows, right to about a thousandth of its standard deviation, in microseconds; with the run given
        again, from its data and right to rounding.
        """
        if run is None:
            with one_thread():
                return np.asarray(self._basis @ (self._sum / max(1, len(self.seed))))
        z, y, x = np.unravel_index(self.seed_voxels, self.grid.shape)
        mean = np.nan_to_num(run.data[:, z, y, x].astype(np.float64), posinf=0.0, neginf=0.0).mean(axis=1)
        mean[self._censored] = 0  # whatever they hold
        series = self._matrix @ mean if len(self.seed) else np.zeros(len(self._matrix))
        return np.asarray(series - series.mean())

    # -- the map ------------------------------------------------------------------------------------------------------

    def direction(self) -> Array:
        """The seed as a unit vector (k,) float32; one sentence when there is nothing to correlate with."""
        size = float(np.linalg.norm(self._sum))
        if not len(self.seed):
            raise InputError("the seed has no voxel in the brain mask: move it into the brain or make it larger.")
        if size <= 1e-6 * float(self._reduced.norm[self.seed].sum()) or size == 0:
            raise InputError("the seed's series is constant: there is nothing to correlate with; move the seed.")
        return np.asarray((self._sum / size).astype(np.float32))

    def values(self, direction: Array, columns: slice | Array | None = None, block: Array | None = None) -> Array:
        """The statistic at some voxels of the mask (all by default), float32.

        Parameters
        ----------
        direction : (k,) array
        columns : slice or int array, optional
            Positions in the mask.
        block : (k × n) array, optional
            What `columns_of` gave for these columns, when they are asked for again and again.
        """
        return self._statistic(self._r(direction, columns, block))

    def _r(self, direction: Array, columns: slice | Array | None = None, block: Array | None = None) -> Array:
        unit = block if block is not None else self._reduced.unit if columns is None else self._reduced.unit[:, columns]
        with one_thread():
            r = direction @ unit
        return np.asarray(np.clip(r, -1.0, 1.0, out=r))

    @property
    def pieces(self) -> list[slice]:
        """The voxels of the mask in pieces of `AT_ONCE` numbers, in which every whole map is computed.

        The last digits of a product depend on how it was cut: maps that shall be equal bit for bit are cut alike.
        """
        stride = max(1, AT_ONCE // self.n_rows)
        return [slice(start, min(start + stride, self.n_voxels)) for start in range(0, self.n_voxels, stride)]

    def correlation(self) -> Array:
        """Correlation r of the seed with every voxel, (z, y, x) float32, whatever the statistic; NaN outside the mask."""
        direction, out = self.direction(), np.full(self.grid.shape, np.nan, dtype=np.float32)
        for piece in self.pieces:
            self.fill(self._r(direction, piece), out, piece)
        return out

    def columns_of(self, positions: Array) -> Array:
        """The reduced columns (k × n) at positions in the mask, as a copy that is fast to multiply with."""
        return np.ascontiguousarray(self._reduced.unit[:, positions])

    def fill(self, values: Array, out: Array | None = None, positions: slice | Array | None = None) -> Array:
        """Write values of the mask's voxels into a (z, y, x) float32 volume, 0 elsewhere."""
        if out is None:
            out = np.zeros(self.grid.shape, dtype=np.float32)
        out.reshape(-1)[self._where if positions is None else self._where[positions]] = values
        return out

    def map(self, seed: npt.ArrayLike | Volume | None = None) -> Volume:
        """The map of a seed: a centre in mm (a sphere of the parameters' radius), a mask, or what was selected."""
        if isinstance(seed, Volume):
            self.grid.require(seed.grid, self.run_name, "the seed")
            self.select(self.positions(inside_of(seed.data, f"the seed {seed.name}")))
        elif seed is not None:
            self.select(self.sphere(seed))
        return Volume(self.write(np.zeros(self.grid.shape, dtype=np.float32)), self.grid, name=self.params.statistic)

    def map_of(self, series: Array, name: str = "") -> Volume:
        """The map of a series (t',) that was had from this run elsewhere, cleaned as here: of a region or a network, say."""
        if np.shape(series) != (len(self.volumes),):
            raise InputError(
                f"{name or 'the series'} has {len(series)} values and {self.run_name} has {len(self.volumes)} volumes that are "
                "used: give the series of this run, cleaned in the same way."
            )
        centred = np.asarray(series, dtype=np.float64) - np.mean(series)
        size = float(np.linalg.norm(centred))
        if not np.isfinite(size) or size <= 1e-12 * float(np.abs(series).max(initial=0.0)) * len(centred):
            raise InputError(f"{name or 'the series'} has no signal that changes in {self.run_name}: choose another.")
        direction = np.asarray(self._basis.T @ (centred / size), dtype=np.float32)
        out = np.zeros(self.grid.shape, dtype=np.float32)
        for piece in self.pieces:
            self.fill(self.values(direction, piece), out, piece)
        return Volume(out, self.grid, name=name or self.params.statistic)

    def write(self, out: Array) -> Array:
        """Write the map of the selected seed into a (z, y, x) float32 volume and return it."""
        direction = self.direction()
        for piece in self.pieces:
            self.fill(self.values(direction, piece), out, piece)
        return out

    def provenance(self) -> dict[str, Any]:
        """What made the maps, in plain values."""
        return {
            "analysis": "seed_map",
            "parameters": self.params.to_dict(),
            "run": self.run_name,
            "volumes": len(self.volumes),
            "censored": self._censored,
            "confounds": self.confounds,
            "mask": self.mask.name,
            "mask_voxels": self.n_voxels,
            "degrees_of_freedom": round(self.dof, 3),
            "error_bound": self.error_bound,
        }


def _ascending(positions: Array) -> Array:
    """Positions as int64, ascending, each once: as they are where they are so already, for sorting takes most of the time."""
    positions = np.array(positions, dtype=np.int64)
    return positions if bool(np.all(positions[1:] > positions[:-1])) else np.unique(positions)


def statistic_function(name: str, dof: float) -> Callable[[Array], Array]:
    """The function from r to the statistic of that name; see `SeedMap.statistic`."""
    if name == "r":
        return lambda r: r
    factor = np.float32(1.0 if name == "fisher_z" else np.sqrt(dof))
    return lambda r: np.asarray(factor * fisher_z(r))


def seed_map(
    run: Run,
    seeds: npt.ArrayLike | pd.DataFrame | Volume | Regions,
    params: SeedMap | None = None,
    mask: Volume | None = None,
    *,
    progress: Progress = silent,
) -> Maps:
    """Correlate seeds with every voxel of a run.

    Parameters
    ----------
    run : Run
    seeds : (n × 3) array in mm, DataFrame, Volume or Regions
        Centres of spheres; a table with the columns x, y, z and, where they differ, name and radius; a mask; or regions.
    params : SeedMap
    mask : Volume, optional
        Found by `brain_mask` with method "auto" when not given.
    progress : Progress

    Returns
    -------
    Maps
        One for each seed, float32, 0 outside the mask.

    Raises
    ------
    InputError
        Among others when a seed has no voxel in the mask.

    Notes
    -----
    r is Pearson's, as in ``nilearn``'s seed-to-voxel example but for its factor (T-1)/T.
    """
    expect("the run", run, Run)
    params = SeedMap.given(params)
    regions = _regions(run, seeds, params.radius)
    mapper = SeedMapper(run, params, mask, progress=progress)
    data = np.zeros((len(regions), *run.grid.shape), dtype=np.float32)
    for region, out in zip(regions, data, strict=True):
        mapper.select(mapper.positions(region.voxels))
        region.about["voxels"] = len(mapper.seed)
        try:
            mapper.write(out)
        except InputError as error:
            raise InputError(f"{region.about['name']}: {error}") from None
    about = [region.about for region in regions]
    return Maps(data, run.grid, names=[a["name"] for a in about], provenance={**mapper.provenance(), "seeds": about})


@dataclass(frozen=True, eq=False)
class _Region:
    """A seed as flat voxels of the grid, with what is known of it in plain values."""

    voxels: Array
    about: dict[str, Any]


def _regions(run: Run, seeds: Any, radius: float) -> list[_Region]:
    """The seeds of `seed_map`, checked before the run is prepared."""
    if isinstance(seeds, Volume | Regions):
        run.grid.require(seeds.grid, run.name, "the seed image")
    if isinstance(seeds, Volume):
        return [_Region(np.flatnonzero(inside_of(seeds.data, f"the seed {seeds.name}")), {"name": seeds.name})]
    if isinstance(seeds, Regions):
        voxels = (
            region_voxels(seeds.labels) if seeds.maps is None else dict(enumerate(map(np.flatnonzero, seeds.maps), start=1))
        )
        found = [_Region(voxels[i], {"name": str(seeds.table["name"][i]), "label": i}) for i in seeds.ids.tolist()]
    else:
        found = [_sphere(run, *row) for row in as_spheres(seeds, radius, "a mask Volume or Regions")]
    if not found:
        raise InputError("no seed was given: give at least one.")
    return found


def _sphere(run: Run, name: str, centre: Array, radius: float) -> _Region:
    x, y, z = centre.tolist()
    return _Region(run.grid.sphere_voxels(centre, radius), {"name": name, "x": x, "y": y, "z": z, "radius": float(radius)})
