"""What becomes of every kind of image file, and why some cannot be used."""

import io
import struct

import numpy as np
import pytest
from made_images import encoded
from PIL import Image, PngImagePlugin

from study.data.datasets.pictures import Unusable, read_picture


def picture(content: bytes, size: int = 8, fit: str = "resize"):
    return read_picture(content, size, size, fit)


def test_an_image_of_the_right_size_keeps_its_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    for fit in ("resize", "crop"):
        found = picture(encoded(Image.fromarray(pixels)), fit=fit)
        assert (
            np.array_equal(found.pixels, pixels)
            and found.pixels.dtype == np.uint8
            and found.remark == ""
        )


def test_resize_keeps_everything_and_crop_the_middle():
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 255
    assert picture(encoded(Image.fromarray(wide)), 10, "crop").pixels[:, 1:-1].min() == 255
    resized = picture(encoded(Image.fromarray(wide)), 30, "resize").pixels
    assert resized[:, 2].max() == 0 and resized[:, 15].min() == 255 and resized[:, 27].max() == 0


def test_shrinking_averages_over_what_falls_together():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    assert (
        np.abs(picture(encoded(Image.fromarray(stripes))).pixels[:, 1:-1].astype(int) - 127).max()
        <= 3
    )


def test_an_image_is_turned_as_its_exif_data_say():
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:4] = 250
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90° clockwise
    content = encoded(Image.fromarray(pixels), exif=exif)
    assert np.array_equal(picture(content).pixels, np.rot90(pixels, -1))


def test_damaged_exif_data_do_not_cost_the_image():
    content = encoded(
        Image.new("RGB", (8, 8), "red"), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff"
    )
    assert picture(content).pixels[0, 0, 0] > 240


@pytest.mark.parametrize(
    ("image", "expected", "remark"),
    [
        (Image.new("L", (8, 8), 77), (77, 77, 77), ""),
        (Image.new("1", (8, 8), 1), (255, 255, 255), ""),
        (
            Image.new("RGBA", (8, 8), (255, 0, 0, 51)),
            (255, 204, 204),
            "transparent in parts, laid on white",
        ),
        (Image.new("RGBA", (8, 8), (9, 8, 7, 255)), (9, 8, 7), ""),
        (Image.new("LA", (8, 8), (0, 0)), (255, 255, 255), "transparent in parts, laid on white"),
        (Image.new("RGB", (8, 8), (9, 8, 7)).quantize(4), (9, 8, 7), "palette"),
        (
            Image.fromarray(np.full((8, 8), 65535, np.uint16)),
            (255, 255, 255),
            "16-bit grey, scaled to 8 bits",
        ),
        (
            Image.fromarray(np.full((8, 8), 25700, np.uint16)),
            (100, 100, 100),
            "16-bit grey, scaled to 8 bits",
        ),
    ],
)
def test_other_modes_become_rgb(image, expected, remark):
    found = picture(encoded(image))
    assert (found.pixels == np.array(expected)).all() and found.remark == remark


@pytest.mark.parametrize("kind", ["tiff_lzw", "tiff_adobe_deflate", "jpeg", None])
def test_a_tiff_of_eight_bits_is_told_as_such_whatever_its_compression(kind):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    assert picture(encoded(Image.fromarray(pixels), "TIFF", compression=kind)).remark == ""


def test_a_transparent_colour_of_a_palette_lies_on_white():
    content = encoded(Image.new("P", (8, 8), 0), transparency=0)
    assert (picture(content).pixels == 255).all()


def test_cmyk_becomes_rgb_and_says_so():
    found = picture(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))
    red, green, blue = found.pixels[4, 4]
    assert red > 240 and green < 15 and blue < 15 and found.remark.startswith("CMYK")


def sixteen_bit_colours(value: int, side: int = 8) -> bytes:
    """Return a PNG with 16 bits a channel, which Pillow cannot write.

    It has 8×8 pixels and may claim another size.
    """
    import zlib

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    rows = (b"\0" + struct.pack(">H", value) * 3 * 8) * 8
    head = struct.pack(">IIBBBBB", side, side, 16, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def test_of_16_bit_colours_the_upper_half_is_kept():
    found = picture(sixteen_bit_colours(0x64FF))
    assert (found.pixels == 0x64).all() and "upper 8 bits" in found.remark


def test_a_second_picture_of_a_camera_is_no_animation():
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    content = encoded(first, "MPO", save_all=True, append_images=[second])
    assert picture(content).pixels[0, 0, 0] > 240


FRAMES = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "green")]


WHOLE = encoded(
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)), "JPEG"
)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", r"empty \(0 bytes\)"),
        (b"hello", "is no PNG.*HEIC image$"),
        (b"<!DOCTYPE html><title>404</title>", "but a file of the kind HTML"),
        (b"%PDF-1.7 ...", "of the kind PDF"),
        (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        (b"\0\0\0 ftypmp42" + bytes(20), "of the kind video"),
        (b"II*\0" + bytes(9), "is a TIFF file that cannot be read"),
        (WHOLE[: len(WHOLE) // 2], "truncated"),
        (encoded(Image.open(io.BytesIO(WHOLE)))[:5000], "damaged|truncated"),
        (encoded(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:]), "3 frames"),
        (encoded(FRAMES[0], "WEBP", save_all=True, append_images=FRAMES[1:]), "3 frames"),
        (encoded(FRAMES[0], "PNG", save_all=True, append_images=FRAMES[1:]), "3 frames"),
        (encoded(Image.new("F", (8, 8)), "TIFF"), "mode F"),
        (sixteen_bit_colours(1, side=60_000), "more than the 178,956,970 pixels"),
    ],
)  # fmt: skip
def test_what_is_no_image_says_why(content, reason):
    with pytest.raises(Unusable, match=reason):
        picture(content)


def in_png(**texts) -> bytes:
    info = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        info.add_text(name, text, zip=True)
    return encoded(Image.new("RGB", (8, 8), "red"), pnginfo=info)


@pytest.mark.parametrize(
    "content",
    [
        in_png(workflow="x" * 3_000_000),
        in_png(**{f"k{i}": "x" * 1_000_000 for i in range(70)}),
        encoded(Image.new("RGB", (8, 8), "red"), icc_profile=bytes(2_000_000)),
        encoded(Image.new("RGB", (8, 8), "red"), "JPEG", icc_profile=bytes(2_000_000)),
        encoded(Image.new("RGB", (8, 8), "red"), "WEBP", xmp=b"x" * 3_000_000),
        encoded(Image.new("RGB", (8, 8), "red"), "AVIF"),
    ],
    ids=["text", "many texts", "profile", "JPEG's profile", "WebP's metadata", "AVIF"],
)
def test_what_is_written_beside_the_pixels_does_not_cost_the_image(content):
    assert picture(content).pixels[0, 0, 0] > 240


def test_text_that_would_fill_the_memory_is_refused():
    with pytest.raises(Unusable, match="has over 268,435,456 bytes of text"):
        picture(in_png(bomb="x" * (2**28 + 1)))


def test_a_photograph_of_a_phone_says_what_reads_it(monkeypatch):
    monkeypatch.setattr("study.data.datasets.pictures._formats", lambda: ["PNG"])
    with pytest.raises(Unusable, match=r"is a HEIC photograph.*pip install pillow-heif"):
        picture(b"\0\0\0\x1cftypheic" + bytes(20))


def test_a_photograph_of_a_phone_is_read_where_pillow_heif_is_installed():
    pytest.importorskip("pillow_heif", reason="needs pillow-heif").register_heif_opener()
    assert picture(encoded(Image.new("RGB", (64, 64), "red"), "HEIF")).pixels[0, 0, 0] > 240


def test_an_image_that_would_fill_the_memory_is_refused_and_a_large_photograph_is_not(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 60)  # Pillow warns from here, refuses from twice
    picture(encoded(Image.new("RGB", (8, 8))))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    with pytest.raises(Unusable, match="more than the 40 pixels"):
        picture(encoded(Image.new("RGB", (8, 8))))


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_greys_of_a_tiff_may_begin_with_white(kind, compression):
    grey = Image.fromarray(np.full((8, 8), np.iinfo(kind).max // 5, kind))
    content = encoded(grey, "TIFF", compression=compression)
    black_is_zero = struct.pack("<HHIHH", 262, 3, 1, 1, 0)
    white_is_zero = struct.pack("<HHIHH", 262, 3, 1, 0, 0)
    assert content.count(black_is_zero) == 1
    assert picture(content).pixels[0, 0, 0] == 51
    assert picture(content.replace(black_is_zero, white_is_zero)).pixels[0, 0, 0] == 204
