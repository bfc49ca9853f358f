"""What the garbage collector passes over: all there was, while anybody says so, and nothing that came since."""

import gc
import itertools
import weakref

import pytest

from napari_connectome.layers.spared import Spared

pytestmark = pytest.mark.alone
MOVES = list(itertools.product(range(3), (True, False)))  # which of three holders begins (True) or ends


@pytest.fixture(autouse=True)
def _none_spared_before():
    gc.unfreeze()
    yield
    gc.unfreeze()


class _Loop:
    """Garbage that only the collector finds."""

    def __init__(self):
        self.itself = self


@pytest.mark.parametrize("holding", [set(chosen) for n in range(4) for chosen in itertools.combinations(range(3), n)], ids=str)
@pytest.mark.parametrize("moves", list(itertools.product(MOVES, repeat=2)), ids=str)
def test_things_are_spared_while_anybody_says_so(holding, moves):
    """From each of the eight states, whatever two moves come."""
    holders, holding = [Spared() for _ in range(3)], set(holding)
    for which in holding:
        holders[which].begin()
    for which, begins in moves:
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
