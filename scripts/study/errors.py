"""The one exception for what a user can put right."""


class StudyError(Exception):
    """Something is wrong that the user can mend.

    The message is one line: what is wrong, where, what was expected, and what to do. Line breaks
    and other control characters of names and keys in it are shown escaped, so that it stays one
    line and no terminal obeys it. Entry points print it without a traceback and exit with status 1.
    """

    def __init__(self, message: object = ""):
        super().__init__(escaped(str(message)))


def escaped(text: str) -> str:
    """Return `text` with each character that cannot be printed as its escape, such as "\\\\n"."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def one_line(text: object) -> str:
    """Return `text` with every run of white space, line breaks included, made a single space."""
    return " ".join(str(text).split())
