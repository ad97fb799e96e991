"""Classes of your own images are merged, renamed or left out by the configuration."""

import pytest
from made_images import coloured

from study.data.datasets.digest import digest_of_images
from study.data.datasets.listing import list_images
from study.errors import StudyError

ODD = '<b>x, "q"'


def test_classes_are_merged_renamed_and_left_out_and_the_others_stay(tmp_path):
    (tmp_path / "a" / "other").mkdir(parents=True)
    images = coloured(tmp_path / "a", 2)
    (images / "other" / "x.png").write_bytes(b"x")
    wanted = {"summer": ["été"], "{0}": [ODD], "skip": ["other"]}
    listing = list_images(images, classes=wanted)
    assert listing.classes == ["Straße 1", "summer", "{0}"]
    assert listing.images == sorted(listing.images) and len(listing.images) == 6
    both = list_images(images, classes={"both": ["été", ODD], "skip": ["other"]})
    assert both.classes == ["Straße 1", "both"]
    digests = {digest_of_images(one) for one in (listing, both, list_images(images))}
    assert len(digests) == 3


def test_images_for_testing_get_the_same_classes(tmp_path):
    images, tests = coloured(tmp_path / "a", 2), coloured(tmp_path / "b", 1)
    listing = list_images(images, tests, classes={"summer": ["été"], "skip": [ODD]})
    assert [image.split for image in listing.images] == ["train"] * 4 + ["test"] * 2


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        ({"a": ["Ete"]}, "names 'Ete', which is no class of the images; these are <b>x"),
        ({"a": ["été"], "b": ["été"]}, "names 'été' more than once"),
        ({"a/b": ["été"]}, "'a/b' cannot be the name of a class"),
        ({"skip": ["été", "Straße 1"]}, "expected at least two classes"),
    ],
)
def test_what_cannot_be_done_is_one_line(tmp_path, classes, said):
    with pytest.raises(StudyError, match=said) as error:
        list_images(coloured(tmp_path, 1), classes=classes)
    assert "\n" not in str(error.value)
