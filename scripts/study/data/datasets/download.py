"""Fetch a file over a slow or unreliable line, and read the list of md5s that files must have."""

import hashlib
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import requests
from tqdm import tqdm

from study.errors import StudyError, one_line

ATTEMPTS = 4
_TIMEOUT = (15, 60)  # seconds to connect, seconds between two packets
_CHUNK = 64 * 1024  # bytes; small, because the home server of CIFAR-10 delivers 55–85 kB/s


def download(
    url: str,
    folder: Path,
    *,
    what: str,
    advice: str,
    attempts: int = ATTEMPTS,
    pause: Callable[[float], None] = time.sleep,
) -> Path:
    """Download `url` into `folder` and return the complete file's path.

    A partial file is kept between attempts and between runs, and continued by an HTTP range
    request. Between attempts the pause doubles from one second. An attempt that brought something
    sets the count of failures back, so a slow line that breaks often still ends.

    Args:
        url: http or https address.
        folder: where the partial and the complete file lie; made when missing.
        what: the thing in words, for the message on the terminal.
        advice: what a user can do instead, for the same message.
        attempts: failures in a row before giving up.
        pause: called with the seconds to wait.

    Raises:
        StudyError: the server refused, or `attempts` attempts in a row brought nothing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = Path(urlsplit(url).path).name or "download"
    # Mirrors may pack the same data differently, so a part of one is no start for another.
    complete = folder / f"{hashlib.sha256(url.encode()).hexdigest()[:8]}-{name}"
    partial = complete.with_name(complete.name + ".part")
    if complete.exists():
        return complete
    print(f"Downloading {what}, from {url}. This can take an hour on a slow line.", file=sys.stderr)
    print(f"To skip the download, {advice}.", file=sys.stderr, flush=True)

    failures = 0
    while True:
        before = _size(partial)
        try:
            _continue(url, partial)
        except requests.HTTPError as error:
            status = error.response.status_code
            if status < 500 and status not in (408, 429):
                raise StudyError(f"the server answered {status} {error.response.reason}") from error
            problem: Exception = error
        except requests.RequestException as error:
            problem = error
        else:
            partial.replace(complete)
            return complete
        failures = 1 if _size(partial) > before else failures + 1
        if failures >= attempts:
            raise StudyError(
                f"unreachable after {attempts} attempts ({_reason(problem)})"
            ) from problem
        wait = 2.0 ** (failures - 1)
        print(f"{_reason(problem)}; trying again in {wait:.0f} s", file=sys.stderr, flush=True)
        pause(wait)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _continue(url: str, partial: Path) -> None:
    """Append what is missing to `partial`; return when it is complete by the server's own count."""
    have = _size(partial)
    headers = (
        {"Range": f"bytes={have}-", "Accept-Encoding": "identity"}
        if have
        else {"Accept-Encoding": "identity"}
    )
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        if response.status_code == 416:  # nothing lies beyond what is here
            if response.headers.get("Content-Range", "").endswith(f"/{have}"):
                return
            partial.unlink()
            raise requests.ConnectionError(
                "the partial file is longer than the server's; starting over"
            )
        response.raise_for_status()
        resumed = response.status_code == 206
        start = have if resumed else 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else None
        interval = 0.2 if sys.stderr.isatty() else 15.0  # seconds; a log wants few lines
        with (
            partial.open("ab" if resumed else "wb") as stream,
            tqdm(
                total=total,
                initial=start,
                unit="B",
                unit_scale=True,
                mininterval=interval,
                desc="download",
            ) as progress,
        ):
            for chunk in response.iter_content(_CHUNK):
                stream.write(chunk)
                progress.update(len(chunk))
    if total is not None and _size(partial) < total:
        raise requests.ConnectionError(f"the connection broke at {_size(partial)} of {total} bytes")


def _reason(error: Exception) -> str:
    """Return the innermost cause of a requests error; its outer layers name only objects."""
    inner: BaseException = error
    while isinstance(
        reason := getattr(inner, "reason", None) or (inner.args[0] if inner.args else None),
        BaseException,
    ):
        inner = reason
    text = one_line(inner.args[0] if inner.args and isinstance(inner.args[0], str) else inner)
    return text.split(">: ", 1)[-1] if ">: " in text else text


def read_checksums(path: str | Path) -> dict[str, str] | None:
    """Return the md5 of each file in a list as md5sum prints it; None for an empty path.

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
        entry = re.fullmatch(r"([0-9a-fA-F]{32})\s+\*?(?:.*/)?([^/]+)", line.strip())
        if not entry:
            raise StudyError(
                f"{path}:{number}: expected '<md5> <file name>' as md5sum prints it, "
                f"found {line.strip()[:60]!r}"
            )
        checksums[entry[2]] = entry[1].lower()
    return checksums
