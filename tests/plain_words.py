#!/usr/bin/env python
"""Find what a second-year student stumbles over: idioms, long sentences and long lines.

`make lint` runs it. Each fault is one line: the file, the line, what is wrong and what to write.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
MOST_COLUMNS = 100
MOST_WORDS = 30

_THING = "(?:point|line|panel|column|file|folder|number|draw|record|job|bit)"
_EACH = "(?:run|image|class|model|combo|seed|epoch|step|pair|trial|layer|file|check|group|target)"
# What not to write, as a pattern in which a space is any gap between two words; what to write.
IDIOMS = {
    "unless said": "default: …",
    "anew": "again",
    "of one's own|one's own|(?:of )?the user's own": "your",
    "as (?:it|they) comes?": "in order",
    "by way of": "through",
    "but for|save for": "except",
    "whose own": "with its own",
    "nor (?:is|are|does|do|has|have|was|were|can|will)": "another sentence with 'not'",
    "so (?:many|much) (?:an?|is|are|as|of|[a-z]+s)": "the number, or its name",
    "lest": "so that … not",
    "(?:where|there|here)(?:in|of|by|upon|with|to)": "in, of, by or with a noun",
    "hitherto": "until now",
    "whatsoever": "any",
    "in vain": "without success",
    "whilst|albeit|amongst": "while, although, among",
    "held against": "compared with",
    "la(?:y|ys|id) beside": "compare with",
    "puts? right": "fix",
    "in the place of|in lieu of": "instead of",
    f"(?:an?|one) (?:row an? [a-z]+|{_THING} an? {_EACH})": "one … per …",
    "(?:images|jobs|bytes|rows|rules) an? (?:second|image|class|seed|step|job)": "per",
    r"less (?:the|that|column|v\d\S*|cnn\d|`\w+`)": "minus",
    "so manieth": "every third, or a number",
}
_GAP = r"[\s#|>*]+"
_IDIOMS = [
    (re.compile(rf"(?<![\w-])(?:{pattern.replace(' ', _GAP)})(?![\w-])", re.IGNORECASE), instead)
    for pattern, instead in IDIOMS.items()
]
# A sentence ends before what is no small letter. Items of lists and sections are sentences too.
_END = re.compile(
    r"(?<=[.!?])[\"')*`]*\s+(?=[^a-z\s])|\n\s*\n|:\s*\n|\n\s*(?=(?:[-*#>]|\d+\.) |\w[\w, `]*: )"
)
_WORD = re.compile(r"[^\W_][\w'’.+-]*")
_CODE = re.compile(r"``.+?``|`[^`]*`|\{\{.*?\}\}|\{%.*?%\}|<[^>]*>|(?<=\])\([^)\s]*\)", re.DOTALL)
_NO_PROSE = re.compile(r"^ *```.*?^ *```|^ *\|.*?$|^<!--.*?-->", re.MULTILINE | re.DOTALL)


def idioms(text: str) -> Iterator[tuple[int, str]]:
    """Yield (offset, what is wrong) for each idiom of a text."""
    for pattern, instead in _IDIOMS:
        for found in pattern.finditer(text):
            yield found.start(), f'"{" ".join(found[0].split())}": write "{instead}"'


def long_sentences(text: str) -> Iterator[tuple[int, str]]:
    """Yield (offset, what is wrong) for each sentence of more than 30 words; code counts as one."""
    plain = _CODE.sub(lambda found: "X" + re.sub(r"[^\n]", " ", found[0])[1:], text)
    start = 0
    for end in [*(found.end() for found in _END.finditer(plain)), len(plain)]:
        words = len(_WORD.findall(plain[start:end]))
        if words > MOST_WORDS:
            first = start + len(plain[start:end]) - len(plain[start:end].lstrip())
            begin = " ".join(text[first:end].split()[:6])
            yield first, f'"{begin} …" has {words} words: make two sentences of it, or a list'
        start = end


def long_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield (offset, what is wrong) for each long line that is no table, code block or link."""
    offset, code = 0, False
    for line in text.splitlines(keepends=True):
        code ^= line.lstrip().startswith("```")
        columns = len(line.rstrip("\n"))
        if columns > MOST_COLUMNS and not code and not re.match(r"\s*\||.*\]\(", line):
            yield offset, f"{columns} columns: wrap the line at {MOST_COLUMNS}"
        offset += len(line)


def passages(name: str, text: str) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of the prose of a file: pages, captions, docstrings, descriptions."""
    if name.endswith(".md"):
        yield 1, _NO_PROSE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    elif name.endswith(".rst") and "raw:: html" not in text:
        yield 1, text
    elif name.endswith(".py"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body:
                first = node.body[0]
                if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                    yield first.lineno, str(first.value.value)
    elif name.endswith((".schema.yaml", "glossary/columns.yaml")):
        yield from _descriptions(yaml.compose(text), every="glossary" in name)


def _descriptions(node: yaml.Node, every: bool) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of the descriptions in a YAML file, or of every text in it."""
    for item in node.value if node.id != "scalar" else ():
        key, value = item if node.id == "mapping" else (node, item)
        if value.id == "scalar" and (every or key.value == "description"):
            # On one line, as the lines of a folded text are no longer known.
            yield value.start_mark.line + 1, " ".join(value.value.split())
        yield from _descriptions(value, every)


def faults(name: str, text: str) -> list[str]:
    """Return the faults of a file, in the order of its lines: `file:line: what is wrong`."""
    if name == "CHANGELOG.md":  # the sections of earlier versions stay as they were written
        text = "".join(re.split(r"(?m)^(?=## )", text)[:2])
    checks = [(1, text, idioms(text))]
    if name.endswith((".md", ".smk", "Snakefile")):
        checks += [(1, text, long_lines(text))]
    checks += [(line, prose, long_sentences(prose)) for line, prose in passages(name, text)]
    found = [
        (line + passage.count("\n", 0, offset), wrong)
        for line, passage, check in checks
        for offset, wrong in check
    ]
    return [f"{name}:{line}: {wrong}" for line, wrong in sorted(found)]


def checked_files() -> list[str]:
    """Return the names of the files in which people read words."""
    git = ["git", "ls-files", "-co", "--exclude-standard"]
    listed = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True)
    kinds = (".md", ".py", ".smk", "Snakefile", ".yaml", ".rst", ".html", ".js", ".txt", "Makefile")
    return [
        name
        for name in sorted(listed.stdout.splitlines())
        if name.endswith(kinds)
        and (ROOT / name).is_file()
        and not name.startswith("results/reference/")
        and "plain_words" not in name  # which name the idioms
    ]


def main() -> int:
    """Print all faults; return 1 where there are any."""
    found = [line for name in checked_files() for line in faults(name, (ROOT / name).read_text())]
    for line in found:
        print(line)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
