"""How much room texts take in figures, and how they are made to fit it.

Widths are estimated from the kinds of letters: a figure is the same to the byte whatever fonts are
installed, and the reader's are not known.
"""

import unicodedata

_NARROW, _BROAD = frozenset("ilj.,:;|!'()[] ftrI/"), frozenset("mwMW%@—–→+=<>#&…")


def text_inches(text: str, size: float) -> float:
    """Return the width of a line of text, inches.

    Args:
        text: one line.
        size: of the font, points.
    """
    return sum(map(_em, text)) * size / 72


def wrapped(text: str, inches: float, size: float, most: int | None = None) -> str:
    """Return a text broken into lines of at most this width, at blanks where it has any.

    Args:
        text: lines that it has already are kept.
        inches: width of a line.
        size: of the font, points.
        most: the text is cut off after this number of lines, if given, and ends in "…".
    """
    lines = [part for line in text.split("\n") for part in _broken(line, inches, size)]
    if most is not None and len(lines) > most:
        kept = lines[most - 1]
        while kept and text_inches(kept + "…", size) > inches:
            kept = kept[:-1]
        lines = [*lines[: most - 1], kept + "…"]
    return "\n".join(lines)


def shortened(text: str, inches: float, size: float = 10) -> str:
    """Return a text that fits one line of this width: "…" stands for the middle of a longer one.

    Names that begin alike mostly differ at their ends.
    """
    short, kept = text, len(text)
    while kept and text_inches(short, size) > inches:
        kept -= 1
        tail = kept // 3
        short = f"{text[: kept - tail]}…{text[len(text) - tail :]}"
    return short


def _em(character: str) -> float:
    """Return about the width of a character in DejaVu Sans, as a share of the font's size."""
    if unicodedata.east_asian_width(character) in "WF":
        return 1.0
    if unicodedata.combining(character):
        return 0.0
    if character in _NARROW:
        return 0.4
    return 0.9 if character in _BROAD else 0.7 if character.isupper() else 0.62


def _broken(line: str, inches: float, size: float) -> list[str]:
    lines, current = [], ""
    for word in line.replace(" %", "\u00a0%").split(" "):  # no line begins with a unit
        joined = f"{current} {word}" if current else word
        if text_inches(joined, size) <= inches:
            current = joined
            continue
        if current:
            lines.append(current)
        current = ""
        for character in word:  # a word that is wider than the line is broken anywhere
            if current and text_inches(current + character, size) > inches:
                lines.append(current)
                current = ""
            current += character
    return [*lines, current]
