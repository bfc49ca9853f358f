"""The answers in files are those of nilearn as it is installed."""

import numpy as np
import pytest

from tests.answers.make_answers import ANSWERS, HERE, path_of, read


def test_there_is_a_file_for_each_answer_and_no_other():
    assert {path.stem for path in HERE.glob("*.npz")} == set(ANSWERS)
    assert sum(path_of(name).stat().st_size for name in ANSWERS) < 200_000


@pytest.mark.nightly
@pytest.mark.parametrize("name", ANSWERS)
def test_nilearn_still_answers_so(name):
    kept, now = read(name), ANSWERS[name]()
    assert kept.keys() == now.keys()
    for part, found in now.items():
        np.testing.assert_allclose(kept[part], found, rtol=1e-6, atol=1e-8 * np.abs(found).max(), err_msg=part)
