"""Runs whose truth is known: a brain at rest, a face and house experiment, a group. Made in a moment, the same every time.

Everything is drawn from fixed seeds and made of elementwise float32 arithmetic without matrix products, so that neither
threads nor the linear algebra library change a byte; images are rounded to int16 at the end, as scanners do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.core.grid import Grid
from napari_connectome.core.head import Tissues, marker, mni_grid, tissues
from napari_connectome.core.networks import network_seeds
from napari_connectome.core.values import Maps, Regions, Run, Series, Volume

Array = npt.NDArray[Any]

_BASELINE = {"grey": 850.0, "white": 700.0, "csf": 1050.0, "rim": 90.0}
_BLOB, _WIDE = 6.0, 10.0  # mm, standard deviation of a node; in a group, whose subjects differ in place
_STRENGTH, _STRONG = 0.016, 0.03  # of the baseline, standard deviation of a network's course; in a group


@dataclass(frozen=True, eq=False)
class RestingState:
    """A brain at rest, and the truth about it.

    Parameters
    ----------
    run : Run
        int16, with its table of confounds. Exactly 0 outside a generous mask of the head, as preprocessed runs often are.
    anatomy : Volume
        T1-like, int16, with a bright capsule at the right temple.
    mask : Volume of bool
        The voxels that are brain by more than half, on the run's grid.
    nodes : DataFrame
        network, name, x, y, z (mm): `network_seeds`, moved by this subject's jitter.
    networks : Maps
        How strongly each network shows in each voxel, 0 to 1 (8, z, y, x).
    regions : Regions
        One label a network, where its weight is above a half.
    series : Series
        (t × 8), the networks' true time courses: 0.01 to 0.1 Hz, mutually uncorrelated, standard deviation 1.
    """

    run: Run
    anatomy: Volume
    mask: Volume
    nodes: pd.DataFrame
    networks: Maps
    regions: Regions
    series: Series


@dataclass(frozen=True, eq=False)
class FaceHouse:
    """A block design in the manner of Haxby's, on a slab through the lower half of the brain, and the truth about it.

    Parameters
    ----------
    run : Run
        int16, TR 2.5 s, all chunks one after the other; 0 outside the head.
    labels : DataFrame
        labels (face, house, shoe, scrambledpix, rest) and chunks, one row a volume.
    anatomy : Volume
        T1-like, int16, the whole head.
    mask : Volume of bool
        The voxels that are brain by more than half.
    ventral_temporal : Volume of bool
        Grey matter of the ventral temporal lobes.
    regions : Regions
        L and R FFA, L and R PPA, V1: where the response is above half of its peak. The right FFA is the larger one.
    responses : DataFrame
        Fraction of the full response (region × label).
    """

    run: Run
    labels: pd.DataFrame
    anatomy: Volume
    mask: Volume
    ventral_temporal: Volume
    regions: Regions
    responses: pd.DataFrame


def resting_state(n_volumes: int = 200, tr: float = 2.0, seed: int = 0) -> RestingState:
    """A brain at rest on the MNI grid at 4 mm (46×55×46, x y z), with eight networks at their published places."""
    fine = mni_grid(2.0)
    head = tissues(fine)
    rng = np.random.default_rng([2, seed])
    return _rest(rng, head.halved(), mni_grid(4.0), anatomy(head, fine), network_seeds(), np.full(8, _STRENGTH), n_volumes, tr)


def resting_group(n_subjects: int = 6, n_volumes: int = 120, tr: float = 2.0, seed: int = 0) -> list[RestingState]:
    """Subjects with the same networks on the MNI grid at 5 mm: own time courses, strengths (± 25 %) and places (sd 2 mm).

    The networks are wider and stronger than those of `resting_state`, so that learning from a few short runs finds them.
    """
    fine = mni_grid(2.5)
    head = tissues(fine)
    background, coarse, grid = anatomy(head, fine), head.halved(), mni_grid(5.0)
    group = []
    for subject in range(n_subjects):
        rng = np.random.default_rng([3, seed, subject])
        nodes = network_seeds()
        nodes[["x", "y", "z"]] += 2.0 * np.clip(rng.standard_normal((len(nodes), 3)), -2, 2)
        strengths = _STRONG * rng.uniform(0.75, 1.25, 8)
        group.append(_rest(rng, coarse, grid, background, nodes, strengths, n_volumes, tr, f"sub-{subject + 1:02d}", _WIDE))
    return group


def anatomy(head: Tissues, grid: Grid) -> Volume:
    """A T1-like picture of the head, without skull and scalp, int16."""
    bright = 660 * head.grey + 1000 * head.white + 210 * head.csf + 1300 * marker(grid)
    grain = np.random.default_rng(1).standard_normal(grid.shape, dtype=np.float32)
    return Volume(np.rint(bright + 14 * grain * (bright > 0)).clip(0).astype(np.int16), grid, name="T1w")


def _rest(
    rng: np.random.Generator,
    head: Tissues,
    grid: Grid,
    background: Volume,
    nodes: pd.DataFrame,
    strengths: Array,
    n_volumes: int,
    tr: float,
    name: str = "resting-state phantom",
    width: float = _BLOB,
) -> RestingState:
    names = list(dict.fromkeys(nodes["network"]))
    weights = np.stack([_blobs(grid, nodes[nodes["network"] == network], head, width) for network in names])
    series = _orthonormal(_in_band(rng, n_volumes, tr, len(names), 0.01, 0.1))
    baseline = _baseline(head, grid)
    voxels = baseline > 0
    bold = baseline[voxels] * (1 + _noise(rng, n_volumes, baseline[voxels]))
    for weight, strength, course in zip(weights, strengths, series.T, strict=True):
        _add(bold, course * strength, (weight * baseline)[voxels])
    motion = _motion(rng, n_volumes)
    _add_motion(bold, motion, baseline, voxels, grid)
    _add_physiology(rng, bold, tr, head, baseline, voxels)
    run = Run(_to_volumes(bold, voxels), grid, tr, name=name)
    table = _confound_table(motion, bold, {part: getattr(head, part)[voxels] for part in ("grey", "white", "csf")})
    return RestingState(
        run=run.replace(confounds=table),
        anatomy=background,
        mask=Volume(head.brain > 0.5, grid, name="brain mask"),
        nodes=nodes,
        networks=Maps(weights, grid, names=names),
        regions=_parcels(weights, grid, names),
        series=Series(series.astype(np.float64), names, tr),
    )


_CATEGORIES = ("face", "house", "shoe", "scrambledpix")
_RESPONSES = pd.DataFrame(
    {
        "L FFA": (1.0, 0.2, 0.3, 0.1),
        "R FFA": (1.0, 0.2, 0.3, 0.1),
        "L PPA": (0.1, 1.0, 0.3, 0.1),
        "R PPA": (0.1, 1.0, 0.3, 0.1),
        "V1": (0.9, 0.9, 0.9, 1.0),
    },
    index=list(_CATEGORIES),
).T
_ACTIVE = {  # centre in MNI mm, standard deviation in mm
    "L FFA": ((-40, -52, -20), 4.0),
    "R FFA": ((40, -52, -20), 6.0),
    "L PPA": ((-26, -42, -12), 5.0),
    "R PPA": ((26, -42, -12), 5.0),
    "V1": ((0, -90, 2), 7.0),
}


def face_house(n_chunks: int = 8, tr: float = 2.5, seed: int = 0) -> FaceHouse:
    """Blocks of faces, houses, shoes and scrambled pictures between rests, on a slab of the 4 mm grid (46×55×21, x y z).

    A chunk is one stay in the scanner of 57 volumes, with an offset of its own; in it every category is shown once for 8
    volumes, in an order of its own, and the response follows the pictures by about five seconds, as labels of a real
    experiment do not.
    """
    fine = mni_grid(2.0)
    head = tissues(fine)
    rng = np.random.default_rng([4, seed])
    coarse, grid = _slab(head.halved(), mni_grid(4.0), 6, 27)
    labels = _blocks(rng, n_chunks)
    baseline = _baseline(coarse, grid)
    voxels = baseline > 0
    bold = baseline[voxels] * (1 + _noise(rng, len(labels), baseline[voxels], drift=0.3))
    weights = {}
    for name, (centre, width) in _ACTIVE.items():
        weights[name] = _blobs(grid, pd.DataFrame([centre], columns=["x", "y", "z"]), coarse, width)
        _add(bold, 0.05 * _response(labels, _RESPONSES.loc[name].to_dict(), tr), (weights[name] * baseline)[voxels])
    motion = np.concatenate([_motion(rng, len(labels) // n_chunks) for _ in range(n_chunks)])
    _add_motion(bold, motion, baseline, voxels, grid)
    _add_physiology(rng, bold, tr, coarse, baseline, voxels)
    for chunk in range(n_chunks):
        bold[labels["chunks"].to_numpy() == chunk] *= np.float32(1 + 0.004 * rng.standard_normal())
    run = Run(_to_volumes(bold, voxels), grid, tr, name="face/house phantom")
    table = _confound_table(motion, bold, {part: getattr(coarse, part)[voxels] for part in ("grey", "white", "csf")})
    return FaceHouse(
        run=run.replace(confounds=table),
        labels=labels,
        anatomy=anatomy(head, fine),
        mask=Volume(coarse.brain > 0.5, grid, name="brain mask"),
        ventral_temporal=Volume(_ventral_temporal(coarse, grid), grid, name="ventral temporal mask"),
        regions=_parcels(np.stack([*weights.values()]), grid, list(weights)),
        responses=_RESPONSES.assign(rest=0.0),
    )


def _slab(head: Tissues, grid: Grid, low: int, high: int) -> tuple[Tissues, Grid]:
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_mm((0, 0, low))
    parts = (head.grey, head.white, head.csf, head.cerebrum, head.rim)
    return Tissues(*(part[low:high] for part in parts)), Grid((high - low, *grid.shape[1:]), affine)


def _blocks(rng: np.random.Generator, n_chunks: int) -> pd.DataFrame:
    labels: list[str] = []
    for _ in range(n_chunks):
        labels += ["rest"] * 5
        for which in rng.permutation(len(_CATEGORIES)):
            labels += [_CATEGORIES[which]] * 8 + ["rest"] * 5
    return pd.DataFrame({"labels": labels, "chunks": np.repeat(np.arange(n_chunks), len(labels) // n_chunks)})


def _response(labels: pd.DataFrame, strength: Mapping[Any, float], tr: float) -> Array:
    """The course (t) of a region that answers each category with its strength, delayed and spread as blood flow is."""
    times = np.arange(0, 25, tr)
    flow = (times / 5.4) ** 6 * np.exp(-(times - 5.4) / 0.9) - 0.35 * (times / 10.8) ** 12 * np.exp(-(times - 10.8) / 0.9)
    flow /= flow.sum()
    shown = labels["labels"].map(dict(strength)).fillna(0.0).to_numpy()
    course = np.zeros(len(shown))
    for chunk in labels.groupby("chunks").indices.values():
        for delay, amount in enumerate(flow):
            course[chunk[delay:]] += amount * shown[chunk[: len(chunk) - delay]]
    return course


def _ventral_temporal(head: Tissues, grid: Grid) -> Array:
    """Grey matter of the cerebrum above the tentorium, from the middle of the temporal lobes back, both sides."""
    z, y, x = np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij")
    mm = grid.to_mm(np.stack([x, y, z], axis=-1))
    box = (np.abs(mm[..., 0]) > 16) & (np.abs(mm[..., 0]) < 60) & (mm[..., 1] > -76) & (mm[..., 1] < -28)
    return np.asarray(box & (mm[..., 2] > -34) & (mm[..., 2] < -2) & (head.cerebrum > 0.5) & (head.grey > 0.3))


# -- where ---------------------------------------------------------------------------------------------------------------


def _squared_distance(grid: Grid, centre: Sequence[float] | Array) -> Array:
    x, y, z = (
        (grid.affine[a, 3] + grid.affine[a, a] * np.arange(grid.shape[2 - a]) - centre[a]).astype(np.float32) for a in range(3)
    )
    return np.asarray((z * z)[:, None, None] + (y * y)[:, None] + x * x)


def _blobs(grid: Grid, nodes: pd.DataFrame, head: Tissues, width: float = _BLOB) -> Array:
    """Gaussian blobs at the nodes, stronger in grey matter, cut at three standard deviations."""
    weight = np.zeros(grid.shape, dtype=np.float32)
    for node in nodes[["x", "y", "z"]].to_numpy():
        away = _squared_distance(grid, node)
        near = away < (3 * width) ** 2
        weight[near] = np.maximum(weight[near], np.exp(away[near] * np.float32(-0.5 / width**2)))
    return weight * (np.float32(0.55) + np.float32(0.45) * head.grey) * head.brain


def _parcels(weights: Array, grid: Grid, names: Sequence[str]) -> Regions:
    strongest = weights.max(axis=0)
    labels = np.where(strongest > 0.4, weights.argmax(axis=0) + 1, 0)
    table = pd.DataFrame({"name": list(names)}, index=pd.Index(range(1, len(names) + 1), name="index"))
    return Regions(labels.astype(np.uint8), grid, table)


def _baseline(head: Tissues, grid: Grid) -> Array:
    """The mean image (z, y, x): fluid brightest, and signal lost above the nose and the ears as echo-planar images lose it."""
    bright = sum(np.float32(value) * getattr(head, part) for part, value in _BASELINE.items())
    for centre, width, loss in (((0, 34, -24), 11, 0.7), ((52, -22, -34), 11, 0.5), ((-52, -22, -34), 11, 0.5)):
        bright = bright * (1 - np.float32(loss) * np.exp(_squared_distance(grid, centre) * np.float32(-0.5 / width**2)))
    return np.where(np.rint(bright) > 4, bright, 0).astype(np.float32)


# -- when ----------------------------------------------------------------------------------------------------------------


def _in_band(rng: np.random.Generator, n_volumes: int, tr: float, k: int, low: float, high: float) -> Array:
    """Random series (t × k), float32, made of sines with periods that fit the run, more of the slow ones."""
    times = np.arange(n_volumes) / n_volumes
    cycles = [c for c in range(1, n_volumes // 2) if low <= c / (n_volumes * tr) <= high]
    series = np.zeros((n_volumes, k))
    for c in cycles:
        wave = rng.standard_normal((2, k)) / (c / (n_volumes * tr) + 0.02)
        angle = (2 * np.pi * c * times)[:, None]
        series += wave[0] * np.cos(angle) + wave[1] * np.sin(angle)
    return series.astype(np.float32)


def _orthonormal(series: Array) -> Array:
    """The series made uncorrelated one after the other, with mean 0 and standard deviation 1."""
    done: list[Array] = []
    for column in series.astype(np.float64).T:
        rest = column - column.mean()
        for other in done:
            rest = rest - other * ((rest * other).mean())
        done.append(rest / np.sqrt((rest * rest).mean()))
    return np.stack(done, axis=1).astype(np.float32)


def _noise(rng: np.random.Generator, n_volumes: int, baseline: Array, drift: float = 1.0) -> Array:
    """Noise (t × v) as a fraction of the baseline: each volume remembers 0.4 of the one before; and slow drifts."""
    noise = rng.standard_normal((n_volumes, baseline.size), dtype=np.float32)
    for now, before in zip(noise[1:], noise[:-1], strict=True):
        now += np.float32(0.4) * before
    # The scanner's noise does not shrink with the signal: where the image is faint it weighs more.
    noise *= (0.006 + 4.0 / baseline).astype(np.float32)
    time = np.linspace(-1, 1, n_volumes, dtype=np.float32)
    for course in (time, time * time - np.float32(1 / 3), np.cos(np.float32(2.3) * time + 1)):
        weight = 0.012 * rng.standard_normal(baseline.size, dtype=np.float32) + np.float32(0.008)
        _add(noise, course, np.float32(drift) * weight)
    return noise


def _add(bold: Array, course: Array, weight: Array) -> None:
    """Add course (t) × weight (v) in place, only where the weight is not 0; piece by piece, never through a matrix product."""
    where = np.flatnonzero(weight)
    course = np.asarray(course, dtype=np.float32)
    if len(where) > bold.shape[1] // 2:
        for row, value in zip(bold, course, strict=True):
            row += value * weight
    elif len(where):
        bold[:, where] += course[:, None] * weight[where]


def _to_volumes(bold: Array, voxels: Array) -> Array:
    volumes = np.zeros((len(bold), *voxels.shape), dtype=np.int16)
    where = np.flatnonzero(voxels)
    flat = volumes.reshape(len(bold), -1)
    for row, values in zip(flat, bold, strict=True):
        row[where] = np.rint(values)
    return volumes


# -- what goes wrong -------------------------------------------------------------------------------------------------------


def _motion(rng: np.random.Generator, n_volumes: int) -> Array:
    """Head positions (t × 6): x, y, z in mm and three turns in rad; a slow walk, breathing along y and z, a few jerks."""
    scale = np.array([0.018, 0.022, 0.035, 0.0005, 0.0003, 0.0003])
    walk = np.cumsum(rng.standard_normal((n_volumes, 6)), axis=0) * scale
    breath = np.sin(2 * np.pi * 0.21 * np.arange(n_volumes) + 0.4)
    walk[:, 1] += 0.02 * breath
    walk[:, 2] += 0.03 * breath
    for moment in rng.choice(np.arange(10, n_volumes - 10), max(1, n_volumes // 40), replace=False):
        jerk = rng.standard_normal(6) * scale * 5
        walk[moment:] += 0.4 * jerk
        walk[moment] += jerk
    return np.asarray(walk - walk.mean(axis=0))


def _framewise(motion: Array) -> Array:
    """Framewise displacement in mm, turns on a sphere of 50 mm; 0 for the first volume."""
    steps = np.abs(np.diff(motion, axis=0, prepend=motion[:1]))
    return np.asarray(steps[:, :3].sum(axis=1) + 50 * steps[:, 3:].sum(axis=1))


def _add_motion(bold: Array, motion: Array, baseline: Array, voxels: Array, grid: Grid) -> None:
    """What realignment leaves: a part of gradient × displacement, so strongest at edges, and signal lost in jerks."""
    by_z, by_y, by_x = np.gradient(baseline, *(np.float32(size) for size in grid.voxel_size[::-1]))
    x, y, z = ((grid.affine[a, 3] + grid.affine[a, a] * np.arange(grid.shape[2 - a])).astype(np.float32) for a in range(3))
    y, z = y[:, None], z[:, None, None]
    ways = (by_x, by_y, by_z, by_z * y - by_y * z, by_x * z - by_z * x, by_y * x - by_x * y)
    for way, course in zip(ways, motion.T, strict=True):
        _add(bold, -0.35 * course, way[voxels].astype(np.float32))
    edge = np.sqrt(by_x**2 + by_y**2 + by_z**2)[voxels]
    _add(bold, -_framewise(motion), (0.012 * baseline[voxels] + 0.12 * edge).astype(np.float32))


def _add_physiology(rng: np.random.Generator, bold: Array, tr: float, head: Tissues, baseline: Array, voxels: Array) -> None:
    """Breathing and heartbeat, aliased, and their slow changes in depth and rate, which lie in the band of the networks."""
    n_volumes = len(bold)
    times = np.arange(n_volumes) * tr
    wander = np.cumsum(rng.standard_normal((2, n_volumes)), axis=1) * 0.15
    breathing = np.sin(2 * np.pi * 0.29 * times + wander[0])
    heart = np.sin(2 * np.pi * 1.09 * times + wander[1])
    slow = _orthonormal(_in_band(rng, n_volumes, tr, 2, 0.008, 0.07))
    grey, white, csf = (getattr(head, part)[voxels] for part in ("grey", "white", "csf"))
    light = baseline[voxels]
    _add(bold, breathing, light * (0.004 + 0.004 * csf))
    _add(bold, heart, light * 0.018 * csf * csf)
    _add(bold, slow[:, 0], light * (0.010 * grey + 0.007 * white + 0.008 * csf))
    _add(bold, slow[:, 1], light * (0.002 * grey + 0.016 * csf))


def _confound_table(motion: Array, bold: Array, parts: dict[str, Array]) -> pd.DataFrame:
    """The columns fMRIPrep would have written, in its units (mm, rad) and with its empty first row."""
    columns: dict[str, Array] = {}
    inside = (parts["grey"] + parts["white"] + parts["csf"]) > 0.5
    tissue = {"csf": parts["csf"] > 0.85, "white_matter": parts["white"] > 0.97, "global_signal": inside}
    for name, where in tissue.items():
        columns[name] = bold[:, where].astype(np.float64).mean(axis=1)
    fd = _framewise(motion)
    columns["framewise_displacement"] = np.r_[np.nan, fd[1:]]
    for name, course in zip(("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z"), motion.T, strict=True):
        columns[name] = course.copy()
    for name in ("csf", "white_matter", "global_signal", "trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z"):
        step = np.r_[np.nan, np.diff(columns[name])]
        columns |= {f"{name}_derivative1": step, f"{name}_power2": columns[name] ** 2, f"{name}_derivative1_power2": step**2}
    for i, moment in enumerate(np.flatnonzero(fd > 0.5)):
        columns[f"motion_outlier{i:02d}"] = (np.arange(len(fd)) == moment).astype(np.float64)
    return pd.DataFrame(columns)
