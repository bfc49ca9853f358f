"""Where does the signal differ between conditions? A t-test of two, or an F-test of several, in every voxel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.core import memory
from napari_connectome.core.design import Design, design_of_labels, design_of_table
from napari_connectome.core.errors import InputError, Progress, part, silent
from napari_connectome.core.moments import Moments, raw_mean, smoothed_moments
from napari_connectome.core.origins import Origin, fingerprint
from napari_connectome.core.params import Params, param
from napari_connectome.core.smoothing import float_like, smooth_array
from napari_connectome.core.t_tests import student, two_sided, welch
from napari_connectome.core.threads import one_thread
from napari_connectome.core.values import Run, Volume, expect

Array = npt.NDArray[Any]

REST = "rest"
"""The label, in any case, that is no condition of an F-test unless it is named."""


@dataclass(frozen=True, kw_only=True)
class ConditionTest(Params):
    """What is compared, and how."""

    a: str = param("face", "The condition that makes t positive.", title="condition A")
    b: str = param("house", "The condition that makes t negative.", title="condition B")
    fwhm: float = param(
        6.0, "Width of the Gaussian that smooths every volume before the test; 0 is off.",
        unit="mm", low=0.0, high=50.0, step=0.5, title="smoothing FWHM", off=0.0,
    )  # fmt: skip
    test: str = param(
        "equal_variance",
        "equal_variance: Student's t-test, one variance for both conditions. welch: Welch's, a variance for each. "
        "f: one-way analysis of variance of any set of conditions. Volumes are treated as independent.",
        choices=("equal_variance", "welch", "f"),
    )
    conditions: tuple[str, ...] = param((), "The conditions of the F-test; none: all but rest.")
    clip: float = param(
        10.0, "Largest -log10 p that is told apart: what is above is set to this.",
        low=1.0, high=300.0, step=1.0, title="largest -log10 p",
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class ContrastResult:
    """What a test of conditions found.

    Parameters
    ----------
    t : Volume
        The statistic: t, or F. 0 where the signal is constant; infinite where it is constant within each condition and
        differs between them.
    p : Volume
        Its probability without any difference, float64: two-sided for t, uncorrected. 1 where the signal is constant.
    log_p : Volume
        -log10 p, no larger than the parameters' `clip`; 0 where the signal is constant.
    mean : Volume
        The smoothed mean of all volumes of the run that are not censored.
    counts : dict
        Number of volumes of each condition compared.
    dof : float or tuple of two
        Degrees of freedom: n - 2; with Welch's test, which has its own in each voxel, the smallest; of F (k - 1, n - k).
    contrast : str
        "face > house", or "F: face, house, cat".
    origin : Origin
        For regions made from this; the maps of t, p and log_p have it.
    provenance : dict
        What made it, in plain values, with the labels as they were used.
    design : Design
    """

    t: Volume
    p: Volume
    log_p: Volume
    mean: Volume
    counts: dict[str, int]
    dof: float | tuple[float, float]
    contrast: str
    origin: Origin
    provenance: dict[str, Any]
    design: Design


def condition_test(
    run: Run,
    labels: Design | pd.DataFrame | Sequence[str] | Array,
    params: ConditionTest | None = None,
    *,
    progress: Progress = silent,
) -> ContrastResult:
    """Compare conditions in every voxel of a smoothed run.

    Parameters
    ----------
    run : Run
        Volumes where its `keep` is False are left out. NaN and infinities count as 0, as in nilearn's smoothing. Its confounds
        are not taken out.
    labels : Design, (t,) strings or DataFrame
        A label a volume; or a table with a column ``labels`` (and ``chunks``), or with onset, duration and trial_type.
    params : ConditionTest
    progress : Progress

    Returns
    -------
    ContrastResult

    Raises
    ------
    InputError
        Where the labels do not fit the run, a condition is unknown, given twice, or has fewer than two volumes.

    Notes
    -----
    Equal to ``scipy.stats.ttest_ind`` (or scikit-learn's ``f_classif``) of what ``nilearn.image.smooth_img`` makes of the run,
    as in nilearn's example of an ROI mask from Haxby et al. (2001), *Science* 293:2425; Welch's degrees of freedom are those of
    Welch (1947), *Biometrika* 34:28. **Volumes are treated as independent:** there is no model of autocorrelation, so in a real
    run the degrees of freedom are too many and p is too small (Woolrich et al. 2001, *NeuroImage* 14:1370). It serves to
    choose voxels; it is no inference about the brain.

    Only the volumes of the conditions are smoothed, a few at a time, each less its condition's mean; sums are float64.
    """
    expect("the run", run, Run)
    params = ConditionTest.given(params)
    design = _design(run, labels)
    volumes = _volumes(run, design, params)
    memory.require(int(np.prod(run.grid.shape)) * 8 * (len(volumes) + 10), "the test")
    means, overall = _raw_means(run, list(volumes.values()), part(progress, 0.0, 0.4))
    steps = np.linspace(0.4, 0.9, len(volumes) + 1).tolist()
    groups = (
        smoothed_moments(run, which, mean, overall, params.fwhm, part(progress, steps[i], steps[i + 1]))
        for i, (which, mean) in enumerate(zip(volumes.values(), means, strict=True))
    )
    compare = _analysis_of_variance if params.test == "f" else _welch if params.test == "welch" else _student
    with one_thread():  # as fast for matrices of this size, and never waits for a second core that others keep busy
        statistic, p, dof = compare(groups, part(progress, 0.9, 1.0))
        mean = smooth_array(overall, params.fwhm, run.grid.voxel_size)
    contrast = f"F: {', '.join(volumes)}" if params.test == "f" else f"{params.a} > {params.b}"
    origin = Origin(run=run.name, fingerprint=fingerprint(run), contrast=contrast)
    with np.errstate(divide="ignore"):
        log_p = np.minimum(0.0 - np.log10(p), params.clip)
    kind = float_like(run.data.dtype)
    return ContrastResult(
        t=Volume(statistic.astype(kind), run.grid, "F" if params.test == "f" else "t", (origin,)),
        p=Volume(p, run.grid, "p", (origin,)),
        log_p=Volume(log_p.astype(kind), run.grid, "-log10 p", (origin,)),
        mean=Volume(mean.astype(kind), run.grid, name="mean"),
        counts={condition: len(which) for condition, which in volumes.items()},
        dof=dof,
        contrast=contrast,
        origin=origin,
        provenance=_provenance(run, design, params, volumes, dof, origin),
        design=design,
    )


# -- what is compared ------------------------------------------------------------------------------------------------------


def _design(run: Run, labels: Any) -> Design:
    if isinstance(labels, pd.DataFrame):
        return design_of_table(labels, run.n_volumes, run.tr)
    if not isinstance(labels, Design):
        return design_of_labels(labels, run.n_volumes, run.tr)
    if labels.n_volumes != run.n_volumes:
        raise InputError(
            f"{labels.name} was laid over {labels.n_volumes} volumes and {run.name} has {run.n_volumes}: "
            "make the design for this run."
        )
    return labels


def _volumes(run: Run, design: Design, params: ConditionTest) -> dict[str, Array]:
    """The volumes of each condition compared that are not censored, two at least."""
    volumes = {}
    for condition in _compared(design, params):
        every = design.volumes(condition)
        left = every if run.keep is None else every[run.keep[every]]
        if len(left) < 2:
            count = f"{len(left) or 'no'} volume{'' if len(left) == 1 else 's'}"
            why = " that is not censored" if len(left) == 1 else " that are not censored"
            raise InputError(
                f"the condition {condition!r} has {count}{why if len(left) < len(every) else ''}, and 2 are needed at least: "
                f"choose another one of {', '.join(design.conditions)}."
            )
        volumes[condition] = left
    return volumes


def _compared(design: Design, params: ConditionTest) -> Sequence[str]:
    if params.test != "f":
        if params.a == params.b:
            raise InputError(
                f"conditions A and B are both {params.a!r}: choose two different ones of {', '.join(design.conditions)}."
            )
        return params.a, params.b
    chosen = params.conditions or tuple(each for each in design.conditions if each.casefold() != REST)
    again = next((each for i, each in enumerate(chosen) if each in chosen[:i]), None)
    if again is not None:
        raise InputError(f"the condition {again!r} is given twice: give each condition of the F-test once.")
    if len(chosen) < 2:
        raise InputError(
            f"an F-test compares two conditions or more, and there is only {', '.join(chosen) or 'rest'}: "
            f"choose some of {', '.join(design.conditions)}."
        )
    return chosen


def _provenance(
    run: Run, design: Design, params: ConditionTest, volumes: Mapping[str, Array], dof: Any, origin: Origin
) -> dict[str, Any]:
    """What made the maps, in plain values: with the run at hand, enough to make them again."""
    return {
        "analysis": "condition_test",
        "parameters": params.to_dict(),
        "contrast": origin.contrast,
        "run": run.name,
        "fingerprint": origin.fingerprint,
        "volumes": {condition: len(which) for condition, which in volumes.items()},
        "censored": [] if run.keep is None else np.flatnonzero(~run.keep).tolist(),
        "degrees_of_freedom": list(dof) if isinstance(dof, tuple) else dof,
        "design": design.name,
        "timing": design.timing.to_dict(),
        "notices": list(design.notices),
        "labels": [[str(label), len(list(some))] for label, some in groupby(design.labels.tolist())],
    }


# -- the numbers -----------------------------------------------------------------------------------------------------------


def _raw_means(run: Run, groups: Sequence[Array], progress: Progress) -> tuple[list[Array], Array]:
    """The raw mean (z, y, x) of each group of volumes, and of all that are not censored; each volume is read once."""
    kept = np.arange(run.n_volumes) if run.keep is None else np.flatnonzero(run.keep)
    rest = np.setdiff1d(kept, np.concatenate(groups))
    steps = (np.cumsum([0, *(len(which) for which in groups), len(rest)]) / len(kept)).tolist()
    means = [raw_mean(run.data, which, part(progress, steps[i], steps[i + 1])) for i, which in enumerate([*groups, rest])]
    overall = np.zeros(run.grid.shape)
    for share, mean in zip(np.diff(steps), means, strict=True):
        overall += share * mean
    return means[:-1], overall


def _student(groups: Iterable[Moments], progress: Progress) -> tuple[Array, Array, float]:
    """t, p and degrees of freedom with one variance for both groups."""
    t, dof = student(*groups)
    return _nothing_is_0(t), _two_sided(t, dof, progress), float(dof.flat[0])


def _welch(groups: Iterable[Moments], progress: Progress) -> tuple[Array, Array, float]:
    """t, p and the smallest degrees of freedom with a variance for each group."""
    a, b = groups
    t, dof = welch(a, b)
    dof[np.isnan(dof)] = a.n + b.n - 2  # constant voxels, where it does not matter
    return _nothing_is_0(t), _two_sided(t, dof, progress), float(dof.min())


def _analysis_of_variance(groups: Iterable[Moments], progress: Progress) -> tuple[Array, Array, tuple[float, float]]:
    """F, p and degrees of freedom; groups are merged one by one (Chan, Golub & LeVeque 1983), so none is held."""
    from scipy.special import fdtrc

    n = k = 0
    mean: Any = 0.0
    between: Any = 0.0
    within: Any = 0.0
    for group in groups:
        change = group.mean - mean
        between = between + change**2 * (n * group.n / (n + group.n))
        within = within + group.squares
        n, k = n + group.n, k + 1
        mean = mean + change * (group.n / n)
    dof = float(k - 1), float(n - k)
    with np.errstate(divide="ignore", invalid="ignore"):
        f = _nothing_is_0(np.divide(between / dof[0], within / dof[1]))
    return f, _by_slices(lambda z: fdtrc(*dof, f[z]), f.shape, progress), dof


def _nothing_is_0(statistic: Array) -> Array:
    """The statistic, in place: 0 where it is NaN, for nothing varies there."""
    statistic[np.isnan(statistic)] = 0.0
    return statistic


def _two_sided(t: Array, dof: Array, progress: Progress) -> Array:
    return _by_slices(lambda z: two_sided(t[z], dof[z]), t.shape, progress)


def _by_slices(values: Callable[[int], Array], shape: tuple[int, ...], progress: Progress) -> Array:
    """A volume computed slice by slice."""
    out = np.empty(shape)
    for z in range(len(out)):
        out[z] = values(z)
        progress((z + 1) / len(out), "testing")
    return out
