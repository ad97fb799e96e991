"""Lists of md5 digests in the format of the md5sum command."""

import re
from pathlib import Path

from study.errors import StudyError


def read_checksums(path: str | Path) -> dict[str, str] | None:
    """Return the md5 of each file named in a list with lines '<md5>  <file name>'; None for an empty path.

    Raises:
        StudyError: there is no such list, or a line has another form.
    """
    if not str(path):
        return None
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise StudyError(
            f"{path}: no such file; dataset.checksums wants a list made by md5sum"
        ) from None
    checksums = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        found = re.fullmatch(r"([0-9a-fA-F]{32})\s+\*?(?:.*/)?([^/]+)", line.strip())
        if not found:
            raise StudyError(
                f"{path}:{number}: expected '<md5> <file name>' as md5sum prints it, found {line.strip()[:60]!r}"
            )
        checksums[found[2]] = found[1].lower()
    return checksums
