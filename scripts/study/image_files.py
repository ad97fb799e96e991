"""Image files of any kind and size as the arrays that a study's models take."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from study.errors import StudyError, one_line


def find_images(names: Sequence[str | Path]) -> list[Path]:
    """Return the named files, and of named folders, searched to the bottom, all files with an image's suffix, sorted.

    Raises:
        StudyError: a name is of nothing, or a folder holds no image.
    """
    suffixes = Image.registered_extensions()
    paths: list[Path] = []
    for name in map(Path, names):
        if not name.exists():
            raise StudyError(f"{name}: no such file or folder")
        found = [name]
        if name.is_dir():
            found = sorted(path for path in name.rglob("*") if path.suffix.lower() in suffixes and path.is_file())
            if not found:
                raise StudyError(f"{name}: a folder without images; expected files such as .png or .jpg in it")
        paths += found
    return paths


def read_image(path: Path, shape: Sequence[int]) -> np.ndarray:
    """Return an image file as uint8 H×W×C.

    It is turned as its EXIF orientation says; what is transparent becomes white; 16 bits a channel become 8; the middle of it with the wanted
    ratio of sides is resized (bicubic over the area that a pixel takes up, as Pillow does it); it becomes RGB for 3 channels, grey for 1. Of several
    frames, the first.

    Args:
        path: of the file.
        shape: (H, W, C) that is wanted.

    Raises:
        StudyError: it cannot be read, and why.
    """
    height, width, channels = shape
    if channels not in (1, 3):
        raise StudyError(
            f"the models of this study take images with {channels} channels, which image files do not have"
        )
    try:
        with Image.open(path) as file:
            image = _on_white(_of_8_bits(ImageOps.exif_transpose(file)))
        image = ImageOps.fit(image.convert("L" if channels == 1 else "RGB"), (width, height), Image.Resampling.BICUBIC)
    except Exception as error:  # a broken file makes decoders fail in any way
        reason = "not an image" if isinstance(error, Image.UnidentifiedImageError) else one_line(error)
        raise StudyError(f"{path}: {reason or type(error).__name__}") from error
    return np.asarray(image).reshape(height, width, channels)


def _of_8_bits(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise ValueError("floating-point pixels, whose range is not known")
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65_535:
        raise ValueError("pixels of more than 16 bits")
    return Image.fromarray((values // 256).astype(np.uint8))


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
