"""A message for the user is one line, whatever names and keys it holds."""

import pickle

import pytest

from study.errors import StudyError, escaped


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\r", "a\\nb\\r"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\u2028\u202e", "\\u2028\\u202e"),
        ("\udc80", "\\udc80"),
        ("cat\u200d, \u200cdog", "cat\\u200d, \\u200cdog"),  # joiners that join nothing
        ("می\u200cروم", "می\u200cروم"),
        ("👩\u200d🔬", "👩\u200d🔬"),
        ("ක්\u200dර\u200d\u200dක", "ක්\u200dර\\u200d\\u200dක"),
        ("ein Schönes 日本 'v1'", "ein Schönes 日本 'v1'"),
    ],
)
def test_what_cannot_be_printed_is_escaped(text, shown):
    assert escaped(text) == str(StudyError(text)) == shown


def test_an_error_survives_the_way_out_of_a_process():
    assert str(pickle.loads(pickle.dumps(StudyError("a\nb")))) == "a\\nb"
