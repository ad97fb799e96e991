"""Plain texts as reStructuredText: nothing in them is markup."""

import re
from collections.abc import Iterable, Sequence


def plain(text: str) -> str:
    """Return text on one line that reStructuredText does not take for markup."""
    text = " ".join(text.split())
    # An escaped space is no space and no start of a list.
    start = "\\ " if re.match(r"\W|\w+[.)](\s|$)", text) else ""
    return start + re.sub(r"([\\`*|]|_(?!\w))", r"\\\1", text).replace("::", ":\\:")


def literal(text: str) -> str:
    """Return a block of text that is shown as it is."""
    return "::\n\n" + "\n".join(f"    {line}".rstrip() for line in text.splitlines())


def heading(text: str, sign: str = "-") -> str:
    """Return a heading, underlined with a sign for its level."""
    escaped = plain(text)
    return f"{escaped}\n{sign * max(len(escaped), 4)}"


def listed(items: Iterable[str]) -> str:
    """Return plain texts as a list."""
    return "\n".join(f"- {plain(item)}" for item in items)


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table of plain texts."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in (header, *rows):
        lines += [
            f"   {' ' if column else '*'} - {plain(str(cell))}" for column, cell in enumerate(row)
        ]
    return "\n".join(lines)
