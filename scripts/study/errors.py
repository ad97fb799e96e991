"""The one exception for what a user can put right."""


class StudyError(Exception):
    """Something is wrong that the user can mend.

    The message is one line: what is wrong, where, what was expected, and what to do. Entry points
        print it
    without a traceback and exit with status 1.
    """


def one_line(text: object) -> str:
    """Return `text` with every run of white space, line breaks included, made a single space."""
    return " ".join(str(text).split())
