"""How fast series change: their power at each frequency."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.errors import InputError
from napari_connectome.core.values import checked_tr

Array = npt.NDArray[Any]

SEGMENT = 128.0
"""Seconds of the pieces whose spectra are averaged: two peaks a hundredth of a hertz apart are told from each other."""
FEWEST = 4
"""Volumes below which there is no spectrum to speak of."""


def spectrum(series: npt.ArrayLike, tr: float) -> tuple[Array, Array]:
    """Estimate the power spectra of evenly sampled series.

    Welch's method: pieces of `SEGMENT` = 128 s, or of the whole series where it is shorter, each half over the one before,
    without their means and faded in and out (Hann); their spectra are averaged. Where volumes were left out, fill them before.

    Parameters
    ----------
    series : (t × r) or (t,) array
        A column with NaN or infinity gets NaN.
    tr : float
        Seconds.

    Returns
    -------
    frequencies : (f,) float64 array
        Hz, from 0 to at most half of 1 / `tr`.
    power : (f × r) or (f,) float64 array
        The series' units squared per Hz: its integral is about the variance.
    """
    from scipy.signal import welch

    data = np.asarray(series)
    if data.ndim not in (1, 2) or data.dtype.kind not in "biuf":
        raise InputError(f"a spectrum needs real series (volumes × series), not {data.dtype} of shape {data.shape}.")
    if len(data) < FEWEST:
        raise InputError(f"a spectrum needs at least {FEWEST} volumes, and the series have {len(data)}: take a longer run.")
    tr = checked_tr(tr, "the TR of the series")
    columns = data.reshape(len(data), -1).astype(np.float64)
    known = np.isfinite(columns).all(axis=0)
    length = min(len(data), max(FEWEST, int(np.ceil(SEGMENT / tr))))
    frequencies, power = welch(np.where(known, columns, 0).T, fs=1 / tr, nperseg=length)
    power[~known] = np.nan
    return frequencies, np.asarray(power.T.reshape(len(frequencies), *data.shape[1:]))
