"""What the garbage collector passes over: all there was, while anybody says so, and nothing that came since."""

import gc
import weakref

from hypothesis import given
from hypothesis import strategies as st

from napari_connectome.layers.spared import Spared


class _Loop:
    """Garbage that only the collector finds."""

    def __init__(self):
        self.itself = self


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=8))
def test_things_are_spared_while_anybody_says_so(steps):
    holders, holding = [Spared() for _ in range(3)], set()
    for which, begins in steps:
        (holders[which].begin if begins else holders[which].end)()
        (holding.add if begins else holding.discard)(which)
        assert (gc.get_freeze_count() > 0) == bool(holding)
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
