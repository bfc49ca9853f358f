"""What the garbage collector passes over: all there was, while anybody says so, and nothing that came since."""

import gc
import itertools
import weakref

import pytest

from napari_connectome.layers.spared import Spared

pytestmark = pytest.mark.alone  # the collector is that of the whole process


class _Loop:
    """Garbage that only the collector finds."""

    def __init__(self):
        self.itself = self


@pytest.fixture(autouse=True)
def nothing_spared():
    """Tests of the window have the collector pass over what was there before them."""
    gc.unfreeze()
    gc.collect()


@pytest.mark.parametrize("holding", list(itertools.product([False, True], repeat=3)))
def test_things_are_spared_while_anybody_says_so(holding):
    """Every move of each of three from every state: 8 × 6."""
    for which, begins in itertools.product(range(3), [False, True]):
        holders = [Spared() for _ in range(3)]
        for holder, holds in zip(holders, holding, strict=True):
            if holds:
                holder.begin()
        assert (gc.get_freeze_count() > 0) == any(holding)
        (holders[which].begin if begins else holders[which].end)()
        after = [begins if i == which else holds for i, holds in enumerate(holding)]
        assert (gc.get_freeze_count() > 0) == any(after)
        for holder in holders:
            holder.end()
        assert gc.get_freeze_count() == 0


def test_what_came_since_is_collected_and_what_was_before_is_afterwards():
    before, spared = _Loop(), Spared()
    spared.begin()
    since = _Loop()
    gone = weakref.ref(before), weakref.ref(since)
    del before, since
    gc.collect()
    assert [each() is None for each in gone] == [False, True]
    spared.end()
    gc.collect()
    assert [each() is None for each in gone] == [True, True]


def test_beginning_again_spares_what_came_since():
    spared = Spared()
    spared.begin()
    since = _Loop()
    gone = weakref.ref(since)
    spared.begin()
    del since
    gc.collect()
    assert gone() is not None
    spared.end()
    gc.collect()
    assert gone() is None
