"""The embedded digits."""

import numpy as np

from study.data.datasets import Source, dataset


def test_the_digits_are_colour_images_of_the_usual_size(tmp_path):
    digits = dataset("digits")
    digits.fetch(tmp_path / "raw", Source())
    data = digits.decode(tmp_path / "raw", Source())
    assert (
        data.images.shape == (dataset("digits").n_images, 32, 32, 3)
        and data.images.dtype == np.uint8
    )
    assert data.images.min() == 0 and data.images.max() == 255
    assert np.bincount(data.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
