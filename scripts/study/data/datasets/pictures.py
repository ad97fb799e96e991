"""One image file of any kind as an array of one size and three colours, or why it is unusable."""

import io
import warnings
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, PngImagePlugin, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from study.data.datasets.image_kinds import READ, kind_of, reads_heif
from study.errors import one_line

FITS = ("resize", "crop")
# A camera's second picture in the same file is no animation.
_STILL = ("MPO", "HEIF")
# Bytes of text and colour profile in a PNG: microscopes, renderers and image generators write
# megabytes of it, which Pillow refuses. No more than the pixels of a large picture take.
_MOST_TEXT = 2**28
_PHOTOMETRIC = 262  # of TIFF's tags, the one that says whether 0 is white (0) or black (1)
_EIGHT_BITS = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"}


class Unusable(Exception):
    """A file that no image can be made of; the message says why."""


class Picture(NamedTuple):
    """An image that was read.

    Attributes:
        pixels: uint8, H×W×3, RGB.
        remark: what was converted in a way that a user may want to know of, or "".
    """

    pixels: np.ndarray
    remark: str


def read_picture(content: bytes, height: int, width: int, fit: str) -> Picture:
    """Return an image file as RGB pixels of one size.

    The image is turned as its EXIF orientation says, made RGB and then scaled with Pillow's bicubic
    filter, which averages over all pixels that fall together. Transparent parts lie on white.
    16-bit greys are scaled so that 65,535 becomes 255; of 16-bit colours the upper 8 bits are kept.
    CMYK is converted by Pillow's formula, colour profiles are not applied. Palettes and greys
    become RGB exactly, whether 0 is black or, as in some TIFFs, white.

    Args:
        content: of the file: PNG, JPEG, WebP, BMP, TIFF, GIF, AVIF or, where pillow-heif is
            installed, HEIF; whatever its name says.
        height: of the result, pixels.
        width: of the result, pixels.
        fit: "resize" scales height and width each, whatever their ratio; "crop" takes the largest
            part in the middle that has the ratio of the result and scales that.

    Raises:
        Unusable: the file is empty, damaged, truncated, animated, of more pixels than Pillow reads
            (some 179 million), or of a kind that has no fixed range.
    """
    if not content:
        raise Unusable("is empty (0 bytes)")
    with warnings.catch_warnings():
        # Pillow warns of what is refused or told here.
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(content), formats=_formats()) as image:
                return _fitted(image, (width, height), fit)
        except UnidentifiedImageError:
            raise Unusable(_why_unread(kind_of(content))) from None
        except Image.DecompressionBombError:
            most = 2 * Image.MAX_IMAGE_PIXELS
            raise Unusable(f"has more than the {most:,} pixels that are safe; shrink it") from None
        except MemoryError:
            raise Unusable("needs more memory than there is") from None
        except Unusable:
            raise
        except Exception as error:  # damaged files fail in any way; all mean the same here
            if "MAX_TEXT" in str(error):
                raise Unusable(f"has over {_MOST_TEXT:,} bytes of text; save it without") from None
            raise Unusable(f"is damaged ({one_line(error) or type(error).__name__})") from error


@cache
def _formats() -> list[str]:
    """Return the formats that this Pillow reads, and set its limits."""
    if reads_heif():
        import pillow_heif

        pillow_heif.register_heif_opener()
    PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = _MOST_TEXT
    Image.init()
    return [name for name in READ if name in Image.OPEN]


def _why_unread(kind: str) -> str:
    if kind == "HEIF" and kind not in _formats():
        return (
            "is a HEIC photograph, which pillow-heif reads: install it (pip install pillow-heif) "
            "and let the file end in .heic, or save it as JPEG"
        )
    if kind in _formats():
        return f"is a {kind} file that cannot be read: its beginning is damaged, or its kind rare"
    what = f", but a file of the kind {kind}" if kind else ""
    return f"is no PNG, JPEG, WebP, BMP, TIFF, GIF, AVIF or HEIC image{what}"


def size_of(path: Path) -> tuple[int, int]:
    """Return width and height of an image file in pixels; what Pillow raises, if it is none."""
    with Image.open(path, formats=_formats()) as image:
        return image.size


def _fitted(image: Image.Image, size: tuple[int, int], fit: str) -> Picture:
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format not in _STILL:
        raise Unusable(f"has {frames} frames; expected one image")
    # Beside the raw mode, a tile of a TIFF has numbers.
    modes = [tile[3][0] if isinstance(tile[3], tuple) else tile[3] for tile in image.tile]
    deep = any("16" in str(mode) for mode in modes)
    # Pillow turns such greys round where they have 8 bits, but not where they have 16.
    white_is_zero = isinstance(image, TiffImageFile) and image.tag_v2.get(_PHOTOMETRIC) == 0
    image.load()
    try:
        image = ImageOps.exif_transpose(image)
        remarks = []
    except Exception:  # EXIF data are a file format of their own, and often damaged
        remarks = ["its EXIF data are damaged, so it was not turned"]
    image, remark = _eight_bit_rgb(image, deep, white_is_zero)
    if fit == "crop":
        image = ImageOps.fit(image, size, Image.Resampling.BICUBIC)
    else:
        image = image.resize(size, Image.Resampling.BICUBIC)
    return Picture(np.asarray(image), "; ".join([*remarks, *filter(None, [remark])]))


def _eight_bit_rgb(image: Image.Image, deep: bool, white_is_zero: bool) -> tuple[Image.Image, str]:
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):
        grey = np.asarray(image).astype(np.uint32)
        if white_is_zero:
            grey = 65535 - grey
        scaled = ((grey * 255 + 32767) // 65535).astype(np.uint8)
        return Image.fromarray(scaled).convert("RGB"), "16-bit grey, scaled to 8 bits"
    if image.mode not in _EIGHT_BITS:
        raise Unusable(
            f"has pixels of Pillow's mode {image.mode}, which have no fixed range or are no RGB; "
            "save it as RGB or grey with 8 or 16 bits"
        )
    upper_bits = "16-bit colours, of which the upper 8 bits were kept" if deep else ""
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if image.getextrema()[3][0] == 255:
            return image.convert("RGB"), upper_bits
        white = Image.new("RGBA", image.size, "white")
        on_white = Image.alpha_composite(white, image)
        return on_white.convert("RGB"), "transparent in parts, laid on white"
    if image.mode == "CMYK":
        return image.convert("RGB"), "CMYK, converted without its colour profile"
    remark = upper_bits or ("palette" if image.mode == "P" else "")
    return image.convert("RGB"), remark
