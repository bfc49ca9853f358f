"""What was measured in the regions of a run: series, conditions, and how they came about, as tables to look at and to save."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.analyses.region_series import RegionSeries
from napari_connectome.core.condition_table import condition_table
from napari_connectome.core.design import Design
from napari_connectome.core.origins import fingerprint, origins_to_dict, region_warnings
from napari_connectome.core.region_table import told_apart
from napari_connectome.core.values import Regions, Run, Series

Array = npt.NDArray[Any]

TIME, CONDITION = "time", "trial_type"
"""First columns of a table of series; seconds, and BIDS's word for the condition of a volume."""
UNITS = {"zscore_sample": " (z)", "psc": " (%)", "none": ""}


@dataclass(frozen=True, eq=False)
class Measurement:
    """The series of regions of one run.

    Parameters
    ----------
    regions : Regions
    series : Series
        (t' × r), a column for each row of the regions' table.
    params : RegionSeries
        What the series were made with.
    run : str
        Its name.
    known_by : str
        Its fingerprint.
    n_volumes : int
        Volumes t of the run, of which t' count.
    """

    regions: Regions
    series: Series
    params: RegionSeries
    run: str
    known_by: str
    n_volumes: int

    @classmethod
    def of(cls, run: Run, regions: Regions, series: Series, params: RegionSeries) -> Self:
        """What `region_series` found, with what is needed of the run."""
        return cls(regions, series, params, run.name, fingerprint(run), run.n_volumes)

    @property
    def ids(self) -> list[int]:
        """The label ids, a column of the series each."""
        return [int(i) for i in self.regions.ids]

    @property
    def names(self) -> dict[int, str]:
        """A name for each id, all different: a name that several regions have is followed by the id."""
        return dict(zip(self.ids, told_apart([str(name) for name in self.series.names], self.ids), strict=True))

    @property
    def times(self) -> Array:
        """When the volumes of the run were taken (t,), in seconds."""
        return np.arange(self.n_volumes) * self.series.tr

    @property
    def volumes(self) -> Array:
        """Which volumes of the run the rows of the series are (t',)."""
        return self.series.volumes

    @property
    def unusable(self) -> list[int]:
        """Regions without a value: none of their voxels is finite throughout."""
        return [int(i) for i in self.regions.ids[np.isnan(self.series.data).all(axis=0)]]

    @property
    def unit(self) -> str:
        """What the series are, and in which unit, for an axis."""
        what = "first eigenvariate" if self.params.summary == "eigenvariate" else "signal"
        return what + UNITS[self.params.cleaning.standardize]

    def signal(self, region: int) -> Array:
        """The series (t,) of a region; NaN for volumes that do not count."""
        signal = np.full(self.n_volumes, np.nan)
        signal[self.volumes] = self.series.data[:, self.ids.index(region)]
        return signal

    def renamed(self, regions: Regions) -> Self:
        """The same with other names and origins of the same regions."""
        names = [str(name) for name in regions.table["name"]]
        return replace(self, regions=regions, series=replace(self.series, names=names))

    def warnings(self, conditions: Sequence[str] = ()) -> dict[int, str]:
        """What must be said about testing these conditions in each region; only those of which something must be said."""
        said = region_warnings(self.known_by, self.regions, conditions)
        return {i: sentence for i, sentence in zip(self.ids, said, strict=True) if sentence}

    def conditions(self, design: Design, a: str, b: str) -> pd.DataFrame:
        """One row a region, as `condition_table` makes it, with the warnings; indexed by names that are all different."""
        table = condition_table(self.series, design, a, b, warning=region_warnings(self.known_by, self.regions, (a, b)))
        return table.set_axis(pd.Index(self.names.values(), name="region"))

    def table(self, design: Design | None = None) -> pd.DataFrame:
        """One row a volume that counts: time in seconds, the condition (n/a for none) if there is a design, the regions."""
        first: dict[str, Any] = {TIME: self.times[self.volumes]}
        if design is not None:
            first[CONDITION] = [label or None for label in design.labels[self.volumes].tolist()]
        names = [f"{name} (region)" if name in (TIME, CONDITION) else name for name in self.names.values()]
        regions = pd.DataFrame(self.series.data, columns=names)
        return pd.concat([pd.DataFrame(first), regions], axis=1)

    def about(self, design: Design | None = None, conditions: Sequence[str] = ()) -> dict[str, Any]:
        """How it came about, in plain values, for the .json beside a table; `conditions` are those compared."""
        origins = origins_to_dict(self.regions.origins)
        voxels = np.rint(self.regions.table["size_mm3"].to_numpy() / self.regions.grid.voxel_volume)
        about: dict[str, Any] = {
            "analysis": "region_series",
            "parameters": self.params.to_dict(),
            "run": self.run,
            "fingerprint": self.known_by,
            "repetition_time": self.series.tr,
            "volumes": len(self.series.data),
            "regions": [
                {"index": i, "name": name, "voxels": int(count), "made_from": origins.get(i, [])}
                for (i, name), count in zip(self.names.items(), voxels, strict=True)
            ],
            "without_value": [self.names[i] for i in self.unusable],
            "warnings": {self.names[i]: sentence for i, sentence in self.warnings(conditions).items()},
        }
        if design is not None:
            about |= {"design": design.name, "timing": design.timing.to_dict(), "volumes_of_conditions": design.counts}
            about |= {"notices": list(design.notices)}
        if len(conditions) == 2:
            about["contrast"] = " > ".join(conditions)
        return about
