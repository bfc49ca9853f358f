"""Parameters as values: what a choice or a list of words takes, and that JSON brings it back."""

import dataclasses
import json

import numpy as np
import pytest

from napari_connectome.core.errors import InputError
from napari_connectome.core.params import Params, param


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chosen(Params):
    neighbours: int = param(6, "Which voxels touch.", choices=(6, 18, 26))
    test: str = param("welch", "Which test.", choices=("welch", "f"))
    words: tuple[str, ...] = param((), "Some words.")
    name: str = param("face", "Any text.")
    times: int = param(1, "How often.", low=1, high=9)
    far: float = param(0.0, "How far.", unit="mm")


@pytest.mark.parametrize("given", [18, 18.0, np.int64(18), np.uint8(18), np.float32(18)])
def test_a_whole_number_is_chosen_whatever_its_type(given):
    chosen = Chosen(neighbours=given).neighbours
    assert (chosen, type(chosen)) == (18, int)


@pytest.mark.parametrize("given", [7, True, "6", None, (6,), 6.5, np.nan, np.array([6, 18])])
def test_what_is_no_choice_is_refused(given):
    with pytest.raises(InputError, match=r"must be one of 6, 18, 26\."):
        Chosen(neighbours=given)


@pytest.mark.parametrize("given", ["t", 1, None, True])
def test_a_word_that_is_no_choice_is_refused(given):
    with pytest.raises(InputError, match=r"must be one of welch, f\."):
        Chosen(test=given)


def test_a_chosen_word_is_a_plain_string():
    assert type(Chosen(test=np.str_("f")).test) is str


@pytest.mark.parametrize("given", [("a", "b"), ["a", "b"], (np.str_("a"), "b")])
def test_words_become_a_tuple_of_plain_strings(given):
    words = Chosen(words=given).words
    assert words == ("a", "b")
    assert type(words) is tuple
    assert {type(word) for word in words} == {str}


@pytest.mark.parametrize("given", ["ab", None, 3, ("a", 1), [None], {"a": 1}])
def test_what_is_no_list_of_words_is_refused(given):
    with pytest.raises(InputError, match="must be a list of words"):
        Chosen(words=given)


def test_json_brings_it_back():
    params = Chosen(neighbours=26, test="f", words=("face", "house, small"))
    back = Chosen.from_dict(json.loads(json.dumps(params.to_dict())))
    assert back == params
    assert hash(back) == hash(params)


@pytest.mark.parametrize("name", ["inf", "-inf", "nan", "1.0", "None", "", np.str_("inf")])
def test_text_stays_text(name):
    made = Chosen(name=name, far=np.inf)
    assert type(made.name) is str
    back = Chosen.from_dict(json.loads(json.dumps(made.to_dict())))
    assert back == made
    assert back.far == np.inf


@pytest.mark.parametrize("given", [1, None, ["face"], True, b"face"])
def test_what_is_no_text_is_refused(given):
    with pytest.raises(InputError, match=r"Chosen\.name is .* and must be text"):
        Chosen(name=given)


@pytest.mark.parametrize("given", [2.7, np.float32(1.5), np.inf, np.nan, 10, 0])
def test_a_whole_number_is_not_made_of_a_fraction(given):
    with pytest.raises(InputError, match=r"must be a whole number|must lie between 1 and 9"):
        Chosen(times=given)
    assert Chosen(times=np.float64(2.0)).times == 2


def test_parameters_of_another_kind_are_refused():
    assert Chosen.given(None) == Chosen()
    chosen = Chosen(times=3)
    assert Chosen.given(chosen) is chosen
    for other in ({"times": 3}, Params(), "Chosen", False):
        with pytest.raises(InputError, match=r"the parameters given are .* and must be Chosen\(…\)"):
            Chosen.given(other)
