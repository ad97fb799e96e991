"""Augmentations: images against torchvision or the written formula, draws by counting."""

import importlib
import inspect
import math

import pytest
import torch
from small_trainings import EVERY_AUGMENTATION
from torchvision.transforms.v2 import functional as reference

from study.config.components import components
from study.errors import StudyError
from study.training.augment import Draw, make_transforms, partner
from study.training.augment.alternating_flip import AlternatingFlip
from study.training.augment.coarse_dropout import CoarseDropout
from study.training.augment.colour_jitter import (
    ColourJitter,
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
)
from study.training.augment.cutmix import CutMix
from study.training.augment.cutout import Cutout
from study.training.augment.horizontal_flip import HorizontalFlip
from study.training.augment.mixup import Mixup
from study.training.augment.planes import grey
from study.training.augment.random_crop import RandomCrop
from study.training.augment.shift_scale_rotate import ShiftScaleRotate, affine
from study.training.augment.to_grey import ToGrey


def draw(count, seed=0, epoch=1):
    return Draw(torch.Generator().manual_seed(seed), torch.arange(count), epoch)


def pictures(count, height=32, width=32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, height, width), generator=generator).float()


def apply(transform, images, drawn):
    """Return what a transform makes of planes B×C×H×W, the layout of torchvision."""
    return transform(images.permute(0, 2, 3, 1), drawn).permute(0, 3, 1, 2)


@pytest.mark.parametrize(
    ("ours", "theirs", "low", "high"),
    [
        (adjust_brightness, reference.adjust_brightness, 0.5, 1.5),
        (adjust_contrast, reference.adjust_contrast, 0.5, 1.5),
        (adjust_saturation, reference.adjust_saturation, 0.5, 1.5),
        (adjust_hue, reference.adjust_hue, -0.5, 0.5),
    ],
)
def test_colours_change_as_in_torchvision(ours, theirs, low, high):
    images = torch.cat([pictures(8), torch.full((1, 3, 32, 32), 77.0)])  # a grey one has no hue
    amounts = torch.linspace(low, high, len(images))
    expected = torch.stack(
        [
            theirs(image / 255, amount.item()) * 255
            for image, amount in zip(images, amounts, strict=True)
        ]
    )
    torch.testing.assert_close(ours(images, amounts), expected, atol=0.02, rtol=0)


def test_a_schema_that_says_other_options_than_the_class_takes_is_named():
    with pytest.raises(StudyError, match=r"random_crop.RandomCrop: .*'sides'; let its SCHEMA and"):
        make_transforms([{"name": "random_crop", "padding": 2, "sides": 3}])


def test_grey_is_the_luminance():
    images = pictures(4)
    torch.testing.assert_close(grey(images), reference.rgb_to_grayscale(images), atol=0.05, rtol=0)
    changed = apply(ToGrey(p=1), images, draw(4))
    assert torch.equal(changed[:, 0], changed[:, 2])


def test_flips_mirror_left_and_right():
    images = pictures(6)
    assert torch.equal(
        apply(HorizontalFlip(p=1), images, draw(6)), reference.horizontal_flip(images)
    )
    assert torch.equal(apply(HorizontalFlip(p=0), images, draw(6)), images)


def test_alternating_flips_show_each_side_in_turn():
    images = pictures(400)
    flipped = []
    for epoch in range(1, 5):
        shown = apply(AlternatingFlip(), images, draw(400, seed=epoch, epoch=epoch))
        flipped.append((shown != images).flatten(1).any(1))
        assert torch.equal(
            torch.where(flipped[-1][:, None, None, None], images.flip(3), images), shown
        )
    assert torch.equal(flipped[0], ~flipped[1]) and torch.equal(flipped[0], flipped[2])
    assert 0.4 < flipped[0].float().mean() < 0.6


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("mode", ["reflect", "constant"])
def test_a_crop_is_a_window_of_the_padded_image(mode, dtype):
    images, padding = pictures(300, 8, 10), 3
    fill = [7.0, 8.0, 9.0]
    cropped = apply(RandomCrop(padding, mode, fill), images.to(dtype), draw(300)).float()
    padded = reference.pad(
        images, [padding] * 4, fill=fill if mode == "constant" else None, padding_mode=mode
    )
    seen = set()
    for window, original in zip(cropped, padded, strict=True):
        places = [
            (y, x)
            for y in range(7)
            for x in range(7)
            if torch.equal(original[:, y : y + 8, x : x + 10], window)
        ]
        assert places
        seen.add(places[0])
    assert (
        len(seen) == 49
    )  # every offset occurs: 300 draws of 49 places miss a given one with probability .002


def holes(transform, count=600, size=16):
    covered = (transform(torch.zeros(count, size, size, 3), draw(count)) == 9).all(dim=3)
    return covered, covered.flatten(1).sum(1)


def test_coarse_dropout_covers_one_whole_square_as_often_as_asked():
    covered, area = holes(CoarseDropout(size=5, p=0.4, fill=[9, 9, 9]))
    assert set(area.tolist()) == {0, 25}
    assert (area > 0).float().mean().item() == pytest.approx(0.4, abs=4 * math.sqrt(0.24 / 600))
    hit = covered[area > 0]
    tops = {int(mask.any(1).nonzero().min()) for mask in hit}
    assert tops == set(range(12))
    for mask in hit:
        rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
        assert rows.max() - rows.min() == columns.max() - columns.min() == 4


def test_cutout_may_leave_the_image_at_its_border():
    _, area = holes(Cutout(size=6, fill=[9, 9, 9]))
    assert area.max() == 36 and area.min() < 36 and area.min() > 0


def test_quarter_turns_and_whole_shifts_are_exact():
    images = pictures(3)
    nothing = torch.zeros(3)
    turned = affine(images, nothing + math.pi / 2, nothing + 1, nothing, nothing)
    torch.testing.assert_close(turned, images.rot90(1, (2, 3)), atol=0.01, rtol=0)
    shifted = affine(images, nothing, nothing + 1, nothing + 3, nothing - 2)
    torch.testing.assert_close(shifted[:, :, :-2, 3:], images[:, :, 2:, :-3], atol=0.01, rtol=0)
    # The pixels that come in are mirrored without repeating the edge.
    torch.testing.assert_close(
        shifted[:, :, :-2, :3], images[:, :, 2:, 1:4].flip(3), atol=0.01, rtol=0
    )


def test_affine_follows_the_written_formula():
    """Source = R(-angle)/scale · (output - middle - shift) + middle; bilinear, reflect-101."""
    images = pictures(1, 9, 9)
    angle, scale, dx, dy = 0.3, 1.1, 0.7, -1.2
    ours = affine(images, *(torch.tensor([value]) for value in (angle, scale, dx, dy)))[0, 0]

    def pixel(y, x):
        def mirror(i):
            return 8 - abs(8 - abs(i) % 16)

        return images[0, 0, mirror(y), mirror(x)].item()

    for y in range(9):
        for x in range(9):
            u, v = x - 4 - dx, y - 4 - dy
            sx = (math.cos(angle) * u - math.sin(angle) * v) / scale + 4
            sy = (math.sin(angle) * u + math.cos(angle) * v) / scale + 4
            x0, y0 = math.floor(sx), math.floor(sy)
            fx, fy = sx - x0, sy - y0
            expected = (
                (1 - fy) * ((1 - fx) * pixel(y0, x0) + fx * pixel(y0, x0 + 1))
                + fy * ((1 - fx) * pixel(y0 + 1, x0) + fx * pixel(y0 + 1, x0 + 1))
            )  # fmt: skip
            assert ours[y, x].item() == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    "transform",
    [
        HorizontalFlip(p=0.3), CoarseDropout(8, p=0.3), ShiftScaleRotate(0.1, 0.1, 15, p=0.3),
        ColourJitter(0.3, 0.3, 0.3, 0.2, p=0.3), ToGrey(p=0.3),
    ],
    ids=lambda transform: type(transform).__name__,
)  # fmt: skip
def test_each_image_is_changed_on_its_own_with_the_given_probability(transform):
    images = pictures(800)
    changed = (apply(transform, images, draw(800)) != images).flatten(1).any(1)
    assert changed.float().mean().item() == pytest.approx(0.3, abs=4 * math.sqrt(0.21 / 800))


def test_jitter_draws_its_factors_for_each_image():
    images = torch.full((500, 2, 2, 3), 100.0)
    factors = ColourJitter(0.3, 0, 0, 0, p=1)(images, draw(500))[:, 0, 0, 0] / 100
    assert factors.min() >= 0.7 and factors.max() <= 1.3
    assert factors.mean().item() == pytest.approx(
        1, abs=0.04
    ) and factors.std().item() == pytest.approx(0.173, abs=0.02)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_holes_and_flips_change_bytes_as_they_change_floats(dtype):
    images = pictures(50).permute(0, 2, 3, 1).to(dtype)
    for transform in (
        Cutout(8, [200, 3, 255]),
        CoarseDropout(8, 0.5, [0, 90, 7]),
        HorizontalFlip(),
    ):
        changed = transform(images, draw(50))
        assert changed.dtype == dtype
        torch.testing.assert_close(
            changed.float(), transform(images.float(), draw(50)), atol=0, rtol=0
        )
    # A colour that bytes cannot hold makes floats of the images instead of being cut.
    assert Cutout(64, [1.5, 2, 3])(images, draw(50))[0, 0, 0].tolist() == [1.5, 2.0, 3.0]


def test_mixup_is_the_written_blend_and_leaves_the_shares():
    images, drawn = pictures(400, 2, 2).permute(0, 2, 3, 1), draw(400)
    mixed = Mixup(alpha=0.4)(images, drawn)
    own = drawn.own[:, None, None, None]
    torch.testing.assert_close(mixed, own * images + (1 - own) * partner(images), atol=1e-3, rtol=0)
    assert torch.equal(partner(images)[1:], images[:-1])
    # Beta(a, a): mean 1/2, variance 1 / (4 (2a + 1)).
    assert drawn.own.mean().item() == pytest.approx(0.5, abs=0.08)
    assert drawn.own.var().item() == pytest.approx(1 / (4 * 1.8), abs=0.03)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_cutmix_takes_a_box_of_the_partner_and_its_area_is_the_share(dtype):
    images, drawn = (
        torch.arange(200).to(dtype)[:, None, None, None].expand(200, 16, 16, 3),
        draw(200),
    )
    mixed = CutMix(alpha=1.0)(images, drawn)
    foreign = (mixed == partner(images)).all(dim=3)
    assert ((mixed == images).all(dim=3) | foreign).all()
    torch.testing.assert_close(1 - foreign.float().mean(dim=(1, 2)), drawn.own)
    for box in foreign[foreign.flatten(1).any(1)]:
        assert box.any(1).sum() * box.any(0).sum() == box.sum()  # a full rectangle
    assert drawn.own.min() < 0.3 and drawn.own.max() > 0.95


def test_the_generator_is_all_the_randomness_there_is():
    def augmented(seed):
        images = pictures(20).permute(0, 2, 3, 1).byte()
        drawn = draw(20, seed)
        for transform in make_transforms(EVERY_AUGMENTATION):
            images = transform(images, drawn)
        return images

    torch.manual_seed(1)
    first = augmented(5)
    torch.manual_seed(2)
    assert torch.equal(first, augmented(5)) and not torch.equal(first, augmented(6))
    assert first.shape == (20, 32, 32, 3) and first.min() >= 0 and first.max() <= 255.01


def test_transforms_are_applied_in_the_written_order():
    steps = make_transforms(
        [{"name": "to_grey", "p": 1.0}, {"name": "cutout", "size": 64, "fill": [1, 2, 3]}]
    )
    assert [type(step) for step in steps] == [ToGrey, Cutout]


def test_unknown_augmentations_and_two_that_mix_are_refused():
    with pytest.raises(StudyError, match="unknown augmentation 'blur'"):
        make_transforms([{"name": "blur"}])
    with pytest.raises(StudyError, match="mixes images twice"):
        make_transforms([{"name": "mixup", "alpha": 1}, {"name": "cutmix", "alpha": 1}])


@pytest.mark.parametrize(("name", "known"), components("training.augment").items())
def test_a_transform_takes_the_options_of_its_schema(name, known):
    transform = getattr(importlib.import_module(known.module), known.class_name)
    options = inspect.signature(transform).parameters
    assert options.keys() == known.properties.keys()
    required = [key for key, option in options.items() if option.default is option.empty]
    assert required == known.required
