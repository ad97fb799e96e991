"""Grad-CAM's maps on disk."""

import numpy as np

from study.runs.gradcam_maps import GradcamMaps, load_maps, no_maps, save_maps


def test_maps_read_back_as_they_were_written(tmp_path):
    ids = np.array([100, 101])
    maps = GradcamMaps(
        "v1+v2",
        42,
        image_ids=ids,
        predicted=ids % 2,
        true=ids % 3,
        confidence=np.array([0.9, 0.6]),
        roles=np.array([3, 1], np.uint8),
        layers=np.array(["layer3", "layer4"]),
        sizes=np.array([[4, 4], [2, 2]]),
        maps=np.random.default_rng(2).integers(0, 256, (2, 2, 2, 8, 8), np.uint8),
    )
    for written in (maps, no_maps("v1", 7, "it has none"), no_maps()):
        save_maps(tmp_path / "maps.npz", written)
        read = load_maps(tmp_path / "maps.npz")
        assert (read.combo, read.seed) == (written.combo, written.seed)
        assert read.why_none == written.why_none
        for one, other in zip(read[2:-1], written[2:-1], strict=True):
            assert np.array_equal(one, other) and one.dtype == other.dtype
