"""Sentences begin with a capital; names that people gave are never changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_connectome.core.words import OPENINGS, as_sentence


@given(st.text(min_size=1).filter(lambda name: name.split(" ", 1)[0].rstrip(",:") not in OPENINGS), st.text())
def test_a_name_at_the_beginning_stays_as_it_is(name, rest):
    assert as_sentence(f"{name} {rest}") == f"{name} {rest}"


@given(st.sampled_from(sorted(OPENINGS)), st.text())
def test_a_word_of_ours_gets_a_capital_and_nothing_else_changes(word, rest):
    made = as_sentence(f"{word} {rest}")
    assert made[0] == word[0].upper()
    assert made[1:] == f"{word} {rest}"[1:]


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("walkx.txt must end in .nii or .nii.gz.", "walkx.txt must end in .nii or .nii.gz."),
        ("rest has 1 volume and 6 at least are needed.", "rest has 1 volume and 6 at least are needed."),
        ("sub-01: the cleaning leaves nothing.", "sub-01: the cleaning leaves nothing."),
        ("the mask is empty.", "The mask is empty."),
        ("theta is a region.", "theta is a region."),
        ("there, again.", "There, again."),
        ("3 of 4 runs cannot be used.", "3 of 4 runs cannot be used."),
        ("", ""),
    ],
)
def test_examples(text, made):
    assert as_sentence(text) == made
