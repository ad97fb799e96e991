"""Which files are images: by their endings where they have one, else by how they begin."""

import importlib.util
from functools import cache
from pathlib import Path

HEIF = {".heic", ".heif", ".hif"}
# What a file of these kinds holds is looked at; files with other endings are left alone.
SUFFIXES = {
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif",
    ".apng", ".avif", *HEIF,
}  # fmt: skip
# Folders that systems put among a user's: what macOS packs beside files, thumbnails and what was
# deleted on network drives, and on disks of Windows and Linux.
_OF_SYSTEMS = {
    "__macosx", "@eadir", "#recycle", "@recycle", "#snapshot", "$recycle.bin", "recycler",
    "system volume information", "lost+found",
}  # fmt: skip
# Pillow's names of what it may read. Its other readers are for formats that nobody trains on, and
# some of them start other programs.
READ = ("PNG", "JPEG", "WEBP", "BMP", "DIB", "TIFF", "GIF", "AVIF", "HEIF")
_BEGINNINGS = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"BM": "BMP",
    b"\0\0\0\x0cjP": "JPEG 2000",
    b"8BPS": "Photoshop",
    b"%PDF": "PDF",
    b"PK\3\4": "ZIP",
    b"<svg": "SVG",
    b"<?xml": "XML (as SVG is)",
    b"<!doctype": "HTML (a web page)",
    b"<html": "HTML (a web page)",
    b"version https://git-lfs": "Git LFS (`git lfs pull` gets the file itself)",
}
_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"),
                    "HEIF"),
}  # fmt: skip


def kind_of(content: bytes) -> str:
    """Return the format that a file begins like, such as "PNG" or "HEIF"; "" if not known.

    Args:
        content: of the file, its first 32 bytes at least.
    """
    if content[4:8] == b"ftyp":
        return _BRANDS.get(content[8:12], "video")
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    beginning = content[:32].lstrip().lower() if content[:1] in b"< \r\n\t" else content
    return next((kind for start, kind in _BEGINNINGS.items() if beginning.startswith(start)), "")


def is_of_system(name: str) -> bool:
    """Tell whether a file or folder of this name is hidden, or put there by a system."""
    return name.startswith(".") or name.casefold() in _OF_SYSTEMS


def is_image(path: Path) -> bool:
    """Tell whether a study takes a file for an image; a file without ending is looked at."""
    if path.suffix:
        return path.suffix.lower() in SUFFIXES
    try:
        with path.open("rb") as stream:
            return path.is_file() and kind_of(stream.read(32)) in READ
    except OSError:
        return False


@cache
def reads_heif() -> bool:
    """Tell whether pillow-heif, which reads a phone's HEIC photographs, is installed here."""
    return importlib.util.find_spec("pillow_heif") is not None
