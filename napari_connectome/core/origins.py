"""Where regions come from: the run and the contrast that made them, and what that means for testing inside them.

A region found by a contrast is not independent of the run it was found in: testing that contrast on the same run inside it
only tells once more how it was chosen. So a region carries its origins through editing, saving and reading back.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_connectome.core.errors import InputError

if TYPE_CHECKING:
    from napari_connectome.core.values import Regions, Run

LOOKED_AT = 5
"""Volumes, evenly spaced, that a run's fingerprint is taken from."""


@dataclass(frozen=True)
class Origin:
    """What a region was made from.

    Parameters
    ----------
    run : str
        The run's name, for people.
    fingerprint : str
        The run's `fingerprint`, by which it is known again.
    contrast : str
        "face > house", or "F: face, house, cat".
    threshold : str
        "-log10 p ≥ 5".
    """

    run: str
    fingerprint: str
    contrast: str
    threshold: str = ""

    def to_dict(self) -> dict[str, str]:
        """The origin in plain values, for JSON and for a layer's metadata."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Origin:
        """Make the origin that `to_dict` described."""
        names = {field.name for field in fields(cls)}
        if not isinstance(values, Mapping) or not {"run", "fingerprint", "contrast"} <= set(values):
            raise InputError("an origin needs the entries run, fingerprint and contrast.")
        return cls(**{name: str(value) for name, value in values.items() if name in names})

    @property
    def how(self) -> str:
        """Contrast and threshold as people write them: "face > house, -log10 p ≥ 5"."""
        return ", ".join(part for part in (self.contrast, self.threshold) if part)


Origins = Mapping[int, tuple[Origin, ...]]
"""The origins of each region, by label id; a region that came from no run has no entry."""


def fingerprint(run: Run) -> str:
    """Size and checksum of a run's data, by which it is known again whatever it is called.

    The same for the run in memory, read back from a file, and stored in another type that holds the same values; NaN and
    infinities count as 0. Another cut of the same run (other volumes, another box), or a smoothed one, is another run.
    """
    count = len(run.data)
    checksum = hashlib.blake2b(digest_size=8)
    for i in np.unique(np.linspace(0, count - 1, LOOKED_AT).round().astype(int)) if count else ():
        with np.errstate(over="ignore"):
            volume = np.nan_to_num(run.data[i].astype("<f4"), copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        volume += 0  # -0.0 is 0.0
        checksum.update(np.ascontiguousarray(volume).data)
    return f"{run.grid.size}×{count}-{checksum.hexdigest()}"


def inherit(origins: Origins, sources: Mapping[int, tuple[int, ...]]) -> dict[int, tuple[Origin, ...]]:
    """The origins of regions that were made from others: all those of their sources, each once.

    Parameters
    ----------
    origins : mapping
        Of the old regions, by id.
    sources : mapping
        New id → the old ids it came from, as an `Edit` says.
    """
    new = {int(i): tuple(dict.fromkeys(o for old in olds for o in origins.get(old, ()))) for i, olds in sources.items()}
    return {i: found for i, found in new.items() if found}


def origins_to_dict(origins: Origins) -> dict[int, list[dict[str, str]]]:
    """Origins in plain values, as a layer's metadata and files hold them."""
    return {int(i): [origin.to_dict() for origin in found] for i, found in origins.items() if found}


def origins_from_dict(values: Any) -> dict[int, tuple[Origin, ...]]:
    """Origins from plain values; what is not as `origins_to_dict` makes it (anybody can write there) is passed over."""
    origins: dict[int, tuple[Origin, ...]] = {}
    for key, found in values.items() if isinstance(values, Mapping) else ():
        try:
            origins[int(key)] = tuple(Origin.from_dict(each) for each in found)
        except (InputError, TypeError, ValueError):
            continue
    return {i: found for i, found in origins.items() if found}


def circularity(run: Run | str, origins: Iterable[Origin], conditions: Collection[str] = (), name: str = "this region") -> str:
    """What is wrong with testing a run inside a region, as one sentence; "" where nothing is.

    Parameters
    ----------
    run : Run or str
        The run to be tested, or its `fingerprint`, where several regions are asked about.
    origins : iterable of Origin
        Those of the region.
    conditions : collection of str
        What will be compared. Where none of it took part in making the region, the sentence is milder: not the same
        answer again, but not an independent one either.
    name : str
        What the sentence calls the region.

    Notes
    -----
    A run is taken as a whole: volumes of one part of it (a chunk) and a region made from another part cannot be told from
    testing the same volumes. Save the parts as runs of their own to test one inside the regions of another.
    """
    known = run if isinstance(run, str) else fingerprint(run)
    same = [origin for origin in dict.fromkeys(origins) if origin.fingerprint == known]
    if not same:
        return ""
    made = "; ".join(dict.fromkeys(origin.how for origin in same))
    if conditions and not any(_conditions_of(origin.contrast) & set(conditions) for origin in same):
        return (
            f"Not independent: {name} was made from this run ({made}), which can bias a test of other conditions of the "
            "same run, too; use another run or a localizer."
        )
    return (
        f"Circular: {name} was made from this run ({made}), so testing it on the same run says nothing new; "
        "use another run or a localizer."
    )


def region_warnings(run: Run | str, regions: Regions, conditions: Collection[str] = ()) -> tuple[str, ...]:
    """The sentence of `circularity` for each region, in the order of the table; "" for those that may be tested."""
    names = [str(name) for name in regions.table["name"]]
    if not regions.origins:
        return ("",) * len(names)
    known = run if isinstance(run, str) else fingerprint(run)
    found = [regions.origins.get(int(i), ()) for i in regions.ids]
    return tuple(circularity(known, origins, conditions, name) for origins, name in zip(found, names, strict=True))


def _conditions_of(contrast: str) -> set[str]:
    """The conditions a contrast names: "face > house" or "F: face, house, cat"."""
    return {word.strip() for word in re.split(r" [<>] |,", contrast.removeprefix("F:"))}
