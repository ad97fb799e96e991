"""The one exception for what a user can fix, and how text of others is shown in it."""

import re

# Zero-width joiners are seen by what they do, within words of Persian, Sinhala and others and in
# emoji. Elsewhere they would only make two texts look the same.
_JOINER = re.compile("(?<=[^\0-\x7f\u200c\u200d])([\u200c\u200d])(?=[^\0-\x7f\u200c\u200d])")


class StudyError(Exception):
    """Something is wrong that the user can fix.

    The message is one line: what is wrong, where, what was expected, and what to do. Line breaks
    and other control characters of names and keys in it are shown escaped, so that it stays one
    line and no terminal obeys it. Entry points print it without a traceback and exit with status 1.
    """

    def __init__(self, message: object = ""):
        super().__init__(escaped(str(message)))


def escaped(text: str) -> str:
    """Return `text` with each character that cannot be printed as its escape, such as "\\\\n"."""
    words = _JOINER.split(text)
    words[::2] = [
        "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in word)
        for word in words[::2]
    ]
    return "".join(words)


def one_line(text: object) -> str:
    """Return `text` with every run of white space, line breaks included, made a single space."""
    return " ".join(str(text).split())
