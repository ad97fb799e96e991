"""Augmentations of photographs against torchvision's transforms v2, image by image.

The drawn parameters are those of our own code; what torchvision draws is compared by its
distribution.
"""

import math

import pytest
import torch
from scipy.stats import ks_2samp
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as reference

from study.errors import StudyError
from study.training.augment import Draw
from study.training.augment.quarter_turn import QuarterTurn
from study.training.augment.random_erasing import RandomErasing
from study.training.augment.random_resized_crop import RandomResizedCrop, enlarged
from study.training.augment.trivial_augment import LEVELS, OPERATIONS, TrivialAugment, changed
from study.training.augment.vertical_flip import VerticalFlip

COUNT = 400


def draw(count, seed=0):
    return Draw(torch.Generator().manual_seed(seed), torch.arange(count), 1)


def pictures(count, height=40, width=40):
    """Smooth, as photographs are, with some noise; uint8 B×C×H×W."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 5, 5, generator=generator) * 255
    fine = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")
    noise = torch.randn(fine.shape, generator=generator) * 4
    return (fine + noise).clamp(20, 235).byte()


def apply(transform, images, drawn):
    return transform(images.permute(0, 2, 3, 1), drawn).permute(0, 3, 1, 2)


def where_pixels_came_from(transform, height, width):
    """Return the first and last row and column of each crop, of images that hold their places."""
    rows, columns = torch.arange(height * 1.0), torch.arange(width * 1.0)
    places = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1)
    places = torch.nn.functional.pad(places, (0, 1)).expand(COUNT, -1, -1, -1)
    shown = transform(places, draw(COUNT))
    return *shown[:, [0, -1], 0, 0].T, *shown[:, 0, [0, -1], 1].T


def box(first, last):
    """Return start and size of boxes of which the first and last enlarged pixel are known."""
    return first.round().long(), (last - first).round().long() + 1


@pytest.mark.parametrize(("height", "width"), [(40, 40), (30, 52)])
def test_a_resized_crop_is_torchvisions(height, width):
    images = pictures(COUNT, height, width).float()
    generator = torch.Generator().manual_seed(1)
    rows = torch.randint(1, height + 1, (COUNT,), generator=generator)
    columns = torch.randint(1, width + 1, (COUNT,), generator=generator)
    top = ((height - rows + 1) * torch.rand(COUNT, generator=generator)).long()
    left = ((width - columns + 1) * torch.rand(COUNT, generator=generator)).long()
    expected = [
        reference.resized_crop(image, *map(int, place), size=[height, width], antialias=True)
        for image, *place in zip(images, top, left, rows, columns, strict=True)
    ]
    shown = enlarged(images, top, left, rows, columns)
    torch.testing.assert_close(shown, torch.stack(expected), atol=0.02, rtol=0)


def drawn_by(theirs, images, *keys):
    torch.manual_seed(3)
    return torch.tensor([[theirs.make_params([image])[key] for key in keys] for image in images]).T


@pytest.mark.parametrize(
    ("height", "width", "options"),
    [
        (200, 200, {}),
        (200, 200, {"scale": (0.3, 0.6), "ratio": (0.5, 1.0)}),
        (200, 100, {"scale": (0.9, 1.0)}),  # nearly always the part in the middle
    ],
)
def test_crops_are_as_large_and_where_torchvisions_are(height, width, options):
    first_row, last_row, first, last = where_pixels_came_from(
        RandomResizedCrop(**options), height, width
    )
    theirs = drawn_by(
        v2.RandomResizedCrop((height, width), **options),
        torch.zeros(COUNT, 3, height, width),
        "top", "left", "height", "width",
    )  # fmt: skip
    # The first and last of the enlarged pixels lie within half a pixel of the box's.
    ours = first_row, first, last_row - first_row + 1, last - first + 1
    for mine, their in zip(ours, theirs.float(), strict=True):
        assert mine.min() >= their.min() - 8 and mine.max() <= their.max() + 8
        assert ks_2samp(mine.round(), their).pvalue > 1e-3


def test_erased_boxes_are_torchvisions():
    images = torch.full((COUNT, 3, 60, 90), 200, dtype=torch.uint8)
    erased = apply(RandomErasing(p=1, fill=[9, 9, 9]), images, draw(COUNT)) == 9
    rows, columns = erased[:, 0].any(2), erased[:, 0].any(1)
    ours = rows.float().argmax(1), columns.float().argmax(1), rows.sum(1), columns.sum(1)
    assert torch.equal(erased.flatten(1).sum(1), 3 * ours[2] * ours[3])  # full rectangles
    theirs = drawn_by(v2.RandomErasing(p=1), images, "i", "j", "h", "w")
    for mine, their in zip(ours, theirs, strict=True):
        assert ks_2samp(mine, their).pvalue > 1e-3
    place = [int(value[0]) for value in ours]
    expected = reference.erase(images[0], *place, v=torch.tensor(9, dtype=torch.uint8))
    assert torch.equal(torch.where(erased[0], 9, images[0]), expected)


@pytest.mark.parametrize("transform", [VerticalFlip(p=0.3), RandomErasing(p=0.3)])
def test_as_many_images_change_as_asked(transform):
    images = pictures(800)
    changed = (apply(transform, images, draw(800)) != images).flatten(1).any(1)
    assert changed.float().mean().item() == pytest.approx(0.3, abs=4 * math.sqrt(0.21 / 800))


def test_vertical_flips_and_quarter_turns_only_move_pixels():
    images = pictures(COUNT)
    assert torch.equal(
        apply(VerticalFlip(p=1), images, draw(COUNT)), reference.vertical_flip(images)
    )
    turned = apply(QuarterTurn(), images, draw(COUNT))
    sides = [
        (turned == reference.rotate(images, 90 * turns)).flatten(1).all(1) for turns in range(4)
    ]
    share = torch.stack(sides).float().mean(1)
    assert share.sum() == 1 and (share - 0.25).abs().max() < 4 * math.sqrt(0.19 / COUNT)
    with pytest.raises(StudyError, match=r"'quarter_turn': images have 40×30 pixels"):
        apply(QuarterTurn(), pictures(2, 40, 30), draw(2))


THEIRS = (
    "Identity", "ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness", "Color",
    "Contrast", "Sharpness", "Posterize", "Solarize", "AutoContrast", "Equalize",
)  # fmt: skip
# On whole numbers torchvision cuts what it blends to whole numbers; ours stays as it is.
CUT = {"Brightness", "Color", "Contrast", "Sharpness"}


@pytest.mark.parametrize(("index", "name"), list(enumerate(THEIRS)))
def test_each_operation_is_torchvisions_at_every_level_and_in_both_directions(index, name):
    images, fill = pictures(2 * LEVELS, 40, 52), [9.0, 80.0, 200.0]
    images[0] = 77  # an even one
    level = torch.arange(LEVELS).repeat(2)
    backwards = torch.arange(2 * LEVELS) >= LEVELS
    ours = changed(
        images.float(), torch.full_like(level, index), level, backwards, torch.tensor(fill)
    )
    theirs = v2.TrivialAugmentWide(fill=fill)
    magnitudes, signed = theirs._AUGMENTATION_SPACE[name]
    expected = []
    for image, step, back in zip(images, level, backwards, strict=True):
        scale = magnitudes(LEVELS, 40, 52)
        # Rounded: half of 32 pixels is 15.999999 there, which is then cut to 15.
        amount = 0.0 if scale is None else round(float(scale[step]), 5)
        amount *= -1 if signed and back else 1
        image = image.float() / 255 if name in CUT else image
        made = theirs._apply_image_or_video_transform(image, name, amount, "nearest", theirs._fill)
        expected.append(made * 255 if name in CUT else made.float())
    difference = (ours - torch.stack(expected)).abs()
    # Pixels whose source lies between two others, and values at a threshold, may go either way.
    allowed = {"AutoContrast": 1}.get(name, 0.05)
    assert (difference > allowed).float().mean() < 0.002


def test_operation_level_and_direction_are_uniform_and_drawn_for_each_image(monkeypatch):
    assert len(OPERATIONS) == len(v2.TrivialAugmentWide._AUGMENTATION_SPACE) == len(THEIRS)
    seen = {}

    def noted(images, operation, level, backwards, fill):
        seen.update(operation=operation, level=level, backwards=backwards)
        return images

    monkeypatch.setattr("study.training.augment.trivial_augment.changed", noted)
    apply(TrivialAugment(), torch.zeros(6200, 3, 1, 1), draw(6200))
    for name, kinds in (("operation", len(OPERATIONS)), ("level", LEVELS), ("backwards", 2)):
        counts = torch.bincount(seen[name].long())
        expected = 6200 / kinds
        assert len(counts) == kinds
        assert (counts - expected).abs().max() < 4.5 * math.sqrt(expected)
    pairs = torch.stack([seen["operation"], seen["level"], seen["backwards"].long()]).double()
    assert (torch.corrcoef(pairs) - torch.eye(3)).abs().max() < 0.06
