"""Images that stand for all: every one where there are few, else some evenly between the ends."""

import numpy as np

from study.data.evenly import evenly_spaced


def test_few_are_all_taken_and_many_evenly():
    assert evenly_spaced(60, 1000).tolist() == list(range(60))
    ids = evenly_spaced(60_000, 1000)
    assert len(ids) == 1000 and ids[0] == 0 and ids[-1] == 59_999 and set(np.diff(ids)) == {60, 61}
