"""Verdicts that people gave in the gallery, and tables that are none."""

import numpy as np
import pytest

from study.data.index import Index
from study.data.verdicts import Verdict, read_verdicts, verdicts_digest
from study.errors import StudyError

INDEX = Index(np.array([0, 1, 2, 1]), ["cat", "dog", "fox"], list("abcd"), np.array(["train"] * 4))
HEAD = "image_id,file,sha256,verdict,label,who,when\n"


def verdicts(folder, *lines: str, head: str = HEAD) -> list[Verdict]:
    path = folder / "verdicts.csv"
    path.write_text("\ufeff" + head + "".join(f"{line}\n" for line in lines))
    return read_verdicts(path, INDEX)


def test_an_image_is_found_by_its_file_and_several_people_may_judge_it(tmp_path):
    assert verdicts(
        tmp_path,
        "9,d,,wrong label,fox,me,",
        "0,a,,fine,,me,",
        "0,a,,ambiguous,,,",
        "0,a,,fine,,me,x",
    ) == [
        Verdict(3, "wrong label", 2, "me"),
        Verdict(0, "fine", 0, "me"),
        Verdict(0, "ambiguous", 0, ""),
    ]


def test_of_two_images_with_one_file_the_image_id_tells(tmp_path):
    said = "wrong label,fox,me,"
    path = tmp_path / "verdicts.csv"
    path.write_text(f"{HEAD}1,a,,{said}\n3,a,,fine,,me,\n")
    twins = INDEX._replace(files=list("baba"))
    assert read_verdicts(path, twins) == [
        Verdict(1, "wrong label", 2, "me"),
        Verdict(3, "fine", 1, "me"),
    ]
    path.write_text(f"{HEAD}2,a,,{said}\n")
    with pytest.raises(
        StudyError, match=r"line 2: several images have the file 'a', .* 1, 3: load"
    ):
        read_verdicts(path, twins)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["0,e,,fine,,,"], "line 2: no image of this study has the file 'e'"),
        (["0,a,,good,,,"], "line 2: the verdict is 'good'; expected one of fine"),
        (["0,a,,wrong label,owl,,"], "line 2: the right label is 'owl', expected a class of"),
        (["0,a,,fine,,me,", "0,a,,leave out,,me,"], "line 3: me judges a a second time"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(tmp_path, lines, message):
    with pytest.raises(StudyError, match=message):
        verdicts(tmp_path, *lines)


def test_lines_are_counted_as_an_editor_counts_them_and_empty_ones_say_nothing(tmp_path):
    lines = ["0,a,,fine,,me,", "", ",,,,,,", '1,b,,fine,,"me\nand you",', "0,a,,good,,,"]
    with pytest.raises(StudyError, match="line 7: the verdict is 'good'"):
        verdicts(tmp_path, *lines)
    assert len(verdicts(tmp_path, *lines[:-1])) == 2


def test_another_table_is_refused_with_the_column_that_it_lacks(tmp_path):
    with pytest.raises(StudyError, match="no 'sha256'"):
        verdicts(tmp_path, "0,a", head="image_id,file\n")


def test_the_digest_of_a_table_counts_all_lines_in_any_order(tmp_path):
    path, digests = tmp_path / "verdicts.csv", []
    lines = ["0,a,,fine,,me,", "3,d,,wrong label,fox,me,"]
    for some in (lines, [*lines[::-1], lines[0]], lines[1:]):
        path.write_text(HEAD + "\n".join(some) + "\n")
        digests.append(verdicts_digest(path))
    assert digests[0] == digests[1] != digests[2]
