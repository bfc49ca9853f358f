"""Where regions come from: the run and the contrast that made them, and what that means for testing inside them.

A region found by a contrast is not independent of the run it was found in: testing that contrast on the same run inside it
only tells once more how it was chosen. So a region carries its origins through editing, saving and reading back.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.errors import InputError

if TYPE_CHECKING:
    from napari_connectome.core.values import Regions, Run

Array = npt.NDArray[Any]

LOOKED_AT = 5
"""Volumes, evenly spaced, that a run's checksum is taken from."""
MARKED = 64
"""Volumes by which a part of a run is known: of the whole and of a part with a twelfth of it, one at least is the same in 996
of 1000 cases."""
MARK = 4
"""Bytes of a volume's mark."""
STEPS = 16
"""Changes from voxel to voxel that a volume must have where it is looked at to be told from others by them."""


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
    """Size and checksum of a run's data, by which it is known again whatever it is called, and marks of single volumes.

    The same for the run in memory, read back from a file, and stored in another type that holds the same values; NaN and
    infinities count as 0. That of a part of the run, some of its volumes, is another one, and `share_volumes` knows the two.
    Another box of the run, or a smoothed one, is another run.
    """
    count = len(run.data)
    checksum = hashlib.blake2b(digest_size=8)
    for i in np.unique(np.linspace(0, count - 1, LOOKED_AT).round().astype(int)) if count else ():
        checksum.update(_plain(run.data[i]).data)
    marks = binascii.b2a_base64(b"".join(_marks(run)), newline=False).decode()
    return f"{run.grid.size}×{count}-{checksum.hexdigest()}-{marks}"


def share_volumes(one: str, other: str) -> bool:
    """Whether two fingerprints are of the same run, or of runs that have volumes in common."""
    return one == other or not _marks_in(one).isdisjoint(_marks_in(other))


def _plain(values: Array) -> Array:
    """Values in the one type and order that checksums are taken of."""
    with np.errstate(over="ignore"):
        plain = np.nan_to_num(values.astype("<f4"), copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    plain += 0  # -0.0 is 0.0
    return np.ascontiguousarray(plain)


def _marks(run: Run) -> list[bytes]:
    """Checksums of volumes, each of nine lines of voxels; the lowest, which a part of the run has too, if it has the volume."""
    z, y = (np.unique([n * quarter // 4 for quarter in (1, 2, 3)]) for n in run.grid.shape[:2])
    lines = _plain(run.data[:, z[:, None], y])
    changes = np.count_nonzero(np.diff(lines.reshape(len(lines), -1)), axis=1)
    told = lines[changes >= STEPS]
    return sorted({hashlib.blake2b(volume.data, digest_size=MARK).digest() for volume in told})[:MARKED]


def _marks_in(known: str) -> set[bytes]:
    try:
        marks = binascii.a2b_base64(known.split("-")[2])
    except (IndexError, ValueError):  # no fingerprint of ours
        return set()
    return {marks[i : i + MARK] for i in range(0, len(marks) - MARK + 1, MARK)}


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
    testing the same volumes. Make runs of the parts, which have no volume in common, to test one inside the regions of
    another.
    """
    known = run if isinstance(run, str) else fingerprint(run)
    same = [origin for origin in dict.fromkeys(origins) if share_volumes(origin.fingerprint, known)]
    if not same:
        return ""
    made = "; ".join(dict.fromkeys(origin.how for origin in same))
    source = "this run" if any(origin.fingerprint == known for origin in same) else "volumes of this run"
    if conditions and not any(_compares(origin.contrast, each) for origin in same for each in conditions):
        return (
            f"Not independent: {name} was made from {source} ({made}), which can bias a test of other conditions of the "
            "same run, too; use another run or a localizer."
        )
    return (
        f"Circular: {name} was made from {source} ({made}), so testing it on the same run says nothing new; "
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


def _compares(contrast: str, condition: str) -> bool:
    """Whether a contrast, "face > house" or "F: face, house, cat", names a condition, whose name may hold such signs, too."""
    if contrast.startswith("F:"):
        return f", {condition}, " in f",{contrast.removeprefix('F:')}, "
    return any(contrast.startswith(f"{condition} {sign} ") or contrast.endswith(f" {sign} {condition}") for sign in "<>")
