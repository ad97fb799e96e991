"""The check of words finds each kind of fault, says where it is and what to write."""

import pytest
from plain_words import IDIOMS, MOST_WORDS, faults

LONG = "A " + " ".join(["a"] * MOST_WORDS) + "."
TWO = 2 * (" ".join(["A"] * (MOST_WORDS // 2)) + ". ")


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("page.md", f"# Title\n\nShort.\n{LONG}\n", 4),
        ("page.md", f"# Title\n\n- Short.\n- {LONG}\n", 4),
        ("script.py", f'"""Short.\n\n{LONG}\n"""\n', 3),
        ("script.py", f'class A:\n    def a(self):\n        """{LONG}"""\n', 3),
        ("a.schema.yaml", f"properties:\n  a:\n    description: {LONG}\n", 3),
        ("caption.rst", f"Short.\n\n{LONG}\n", 3),
    ],
)
def test_a_long_sentence_is_found_wherever_people_read(name, text, line):
    (fault,) = faults(name, text)
    assert fault.startswith(f"{name}:{line}: ") and "31 words: make two sentences" in fault
    assert not faults(name, text.replace(LONG, TWO))


def test_code_tables_and_addresses_have_no_sentences():
    code = f"```\n{LONG}\n```\n\n| {LONG} |\n"
    assert not faults("page.md", code + f"`{LONG}` and [here](https://{'a/' * 99}).\n")
    assert not faults("script.py", f"text = '{LONG}'\n")


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("a.py", "# In\n# order\n# but\n# for one.\n", 'a.py:3: "but # for": write "except"'),
        ("a.py", "say('20 unless said')\n", 'a.py:1: "unless said": write "default: …"'),
        ("a.smk", '"""Draw it anew."""\n', 'a.smk:1: "anew": write "again"'),
        ("a.md", "| a row a run |\n", 'a.md:1: "a row a run": write "one … per …"'),
        ("a.md", "v1+v2 less v1\n", 'a.md:1: "less v1": write "minus"'),
    ],
)
def test_an_idiom_is_named_with_the_plain_word(name, text, fault):
    assert faults(name, text) == [fault]


def test_plain_words_are_no_idioms():
    text = "The renewal is less than v1, but form a row of a run; ten jobs; whose name."
    assert len(IDIOMS) > 20 and not faults("a.md", text)


def test_a_long_line_is_found_but_in_tables_and_code():
    line = "a " * 20 + "b" * 61
    assert faults("page.md", f"\n{line}\n") == ["page.md:2: 101 columns: wrap the line at 100"]
    assert faults("rules.smk", f"{line}\n")
    assert not faults("page.md", f"| {line} |\n\n```\n{line}\n```\n")


def test_only_the_newest_section_of_the_changelog_is_read():
    assert not faults("CHANGELOG.md", "# Changes\n\n## 2.0\n\nNew.\n\n## 1.0\n\nMade anew.\n")
    assert faults("CHANGELOG.md", "# Changes\n\n## 2.0\n\nMade anew.\n\n## 1.0\n\nOld.\n")
