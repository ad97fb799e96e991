"""A data set's source files: read, verified by their md5, and stored."""

import hashlib
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from study.data.datasets import Source
from study.errors import StudyError


@dataclass(frozen=True)
class SourceFiles:
    """The files that a data set consists of, known by their md5.

    Attributes:
        title: name of the data set.
        md5: official digest of each file, by its name.
        advice: what a user can do for want of good files.
    """

    title: str
    md5: Mapping[str, str]
    advice: str

    def expected_md5s(self, source: Source) -> Mapping[str, str]:
        """Return the md5 that each file must have: the user's, or else the official one.

        Raises:
            StudyError: the user's list lacks a file.
        """
        if source.checksums is None:
            return self.md5
        missing = [name for name in self.md5 if name not in source.checksums]
        if missing:
            raise StudyError(
                f"dataset.checksums has no md5 for {', '.join(missing)}; write one line "
                f"'<md5> <file name>' for each of {', '.join(self.md5)}, as md5sum prints them"
            )
        return source.checksums

    def read(self, path: Path, checksums: Mapping[str, str]) -> bytes:
        """Return the content of a file.

        Raises:
            StudyError: it is missing, or has another md5.
        """
        try:
            content = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise StudyError(
                f"{path}: missing; expected the files {', '.join(self.md5)}; {self.advice}"
            ) from None
        return self.verified(path.name, content, checksums)

    def verified(self, name: str, content: bytes, checksums: Mapping[str, str]) -> bytes:
        """Return the content of a file after a check of its md5.

        Raises:
            StudyError: it has another one.
        """
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if md5 != checksums[name]:
            raise StudyError(
                f"{name}: md5 is {md5}, expected {checksums[name]}: the file is damaged; "
                f"{self.advice}"
            )
        return content

    def store(self, raw: Path, contents: Mapping[str, bytes], origin: object) -> None:
        """Write the files into the new folder `raw`, and say where they come from."""
        raw.mkdir(parents=True)
        for name, content in contents.items():
            (raw / name).write_bytes(content)
        print(
            f"took {self.title} from {origin}; all {len(self.md5)} files have the expected md5",
            file=sys.stderr,
        )

    def store_first_good(
        self, raw: Path, urls: Iterable[str], get: Callable[[str], Mapping[str, bytes]]
    ) -> None:
        """Write the files of the first address that delivers good ones into the new folder `raw`.

        Args:
            raw: the folder.
            urls: the addresses.
            get: returns the content of each file at an address.

        Raises:
            StudyError: no address does; it says what is wrong with each.
        """
        problems = []
        for url in urls:
            try:
                contents = get(url)
            except StudyError as problem:
                problems.append(f"{url}: {problem}")
            else:
                self.store(raw, contents, url)
                return
        raise StudyError(f"no source delivered {self.title} ({'; '.join(problems)}); {self.advice}")
