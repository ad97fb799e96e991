"""Labels that people corrected and images that they left out."""

import numpy as np
import pytest

from study.data.corrected import changed_images, content_of, corrected, what_changed
from study.data.corrections import corrections_digest, corrections_file, read_corrections
from study.data.index import Index
from study.errors import StudyError

INDEX = Index(
    np.array([0, 1, 2, 1, 0]), ["cat", "dog", "fox"], list("abcde"), np.array(["train"] * 5)
)
IMAGES = np.arange(5 * 4, dtype=np.uint8).reshape(5, 2, 2, 1)
HEAD = "image_id,file,sha256,verdict,label,who,when\n"


def corrections(folder, *lines: str):
    path = folder / "verdicts.csv"
    path.write_text("\ufeff" + HEAD + "".join(f"{line}\n" for line in lines))
    return read_corrections(path)


def test_labels_are_replaced_images_left_out_and_other_verdicts_change_nothing(tmp_path):
    seen = content_of(IMAGES[0])
    after = corrected(
        INDEX,
        corrections(
            tmp_path,
            f"9,a,{seen},wrong label,fox,me,",
            "0,a,,wrong label,fox,you,",
            "1,b,,leave out,,,",
            "2,c,,fine,,,",
            "3,d,,ambiguous,,,",
        ),
        IMAGES,
    )
    assert after.labels.tolist() == [2, 1, 2, 1, 0] and after.given is INDEX.labels
    assert after.left_out.tolist() == [False, True, False, False, False]
    assert after.as_given().labels.tolist() == INDEX.labels.tolist()
    assert what_changed(after) == "1 label corrected (cat → fox 1), 1 image left out (dog 1)"


def test_two_images_with_one_file_are_corrected_apart(tmp_path):
    twins = INDEX._replace(files=list("abcda"))
    seen = content_of(IMAGES[0])
    first = corrections(tmp_path, f"0,a,{seen},wrong label,fox,me,", "4,a,,fine,,me,")
    after = corrected(twins, first, IMAGES)
    assert after.labels.tolist() == [2, 1, 2, 1, 0] and not after.left_out.any()
    both = corrections(
        tmp_path, "0,a,,wrong label,fox,me,", "4,a,,wrong label,fox,me,", "1,b,,fine,,,"
    )
    assert list(changed_images(twins, both)) == [0, 4]
    assert corrections_digest(both) != corrections_digest(first) != ""
    with pytest.raises(StudyError, match="several images have the file 'a', and the image_id '9'"):
        corrected(twins, corrections(tmp_path, "9,a,,leave out,,me,"))


def test_lines_with_other_image_ids_on_the_only_image_of_a_file_must_agree(tmp_path):
    said = corrections(tmp_path, "9,a,,leave out,,me,", "0,a,,fine,,you,")
    with pytest.raises(StudyError, match="line 3: says fine of a, and line 2 says leave out"):
        corrected(INDEX, said)


def test_the_digest_is_of_what_changes_where_it_does(tmp_path):
    one = corrections(tmp_path, "0,a,,wrong label,fox,me,1", "1,b,,leave out,,,", "2,c,,fine,,,")
    same = corrections(tmp_path, "7,b,x,leave out,,you,2", "0,a,,wrong label,fox,,")
    other = corrections(tmp_path, "0,a,,wrong label,dog,me,1", "1,b,,leave out,,,")
    assert corrections_digest(one) == corrections_digest(same) != corrections_digest(other)
    assert corrections_digest(one, ["b", "c"]) == corrections_digest(other, ["b"]) != ""
    assert corrections_digest(one, ["c", "d"]) == corrections_digest({}) == ""


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["0,z,,leave out,,,"], "line 2: no image of this study has the file 'z'"),
        (["0,a,,wrong label,owl,,"], "line 2: the right label is 'owl', expected a class"),
        (["0,a,00,leave out,,,"], "line 2: a is another image here than the one that was looked"),
        (["2,c,,leave out,,,"], "leaves the class 'fox' without images"),
        (["0,a,,wrong label,dog,me,", "0,a,,leave out,,you,"],
         "line 3: says leave out of a, and line 2 says wrong label dog"),
        (["0,a,,wrong label,dog,,", "0,a,,fine,,,"], "line 3: says fine of a, and line 2 says"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_with_its_line(tmp_path, lines, message):
    with pytest.raises(StudyError, match=message):
        corrected(INDEX, corrections(tmp_path, *lines), IMAGES)


def test_what_was_applied_stands_in_for_a_file_that_is_gone(tmp_path):
    mine, applied = tmp_path / "verdicts.csv", tmp_path / "applied.csv"
    dataset = {"corrections": str(mine)}
    with pytest.raises(StudyError, match=r"dataset\.corrections is .*, where there is no file"):
        corrections_file(dataset, applied)
    applied.touch()
    assert corrections_file(dataset, applied) == str(applied)
    more = tmp_path / "all_verdicts.csv"
    assert corrections_file(dataset, more, applied) == str(applied)
    more.touch()
    assert corrections_file(dataset, more, applied) == str(more)
    mine.touch()
    assert corrections_file(dataset, applied) == str(mine) and corrections_file({}, applied) == ""


def test_a_mistyped_file_is_not_taken_for_the_one_that_the_study_was_made_with(tmp_path):
    applied, dataset = tmp_path / "applied.csv", {"corrections": "second_rond.csv"}
    applied.touch()
    for first in ("first.csv", ""):
        with pytest.raises(StudyError, match=r"second_rond\.csv, where there is no file"):
            corrections_file(dataset, applied, spare=applied, made_with={"corrections": first})
    assert corrections_file(dataset, applied, made_with=dataset) == str(applied)


def test_a_table_that_the_study_writes_itself_is_no_file_of_corrections(tmp_path):
    applied, spare = tmp_path / "applied.csv", tmp_path / "spare.csv"
    applied.touch()
    for own in (applied, spare, tmp_path / "x" / ".." / "applied.csv"):
        with pytest.raises(StudyError, match="which the study writes itself; copy it"):
            corrections_file({"corrections": str(own)}, applied, spare=spare)


@pytest.mark.parametrize("more_lines", [(), ("verdicts.csv",)])
def test_the_corrections_that_a_study_was_made_with_outlast_the_job_that_makes_them_again(
    tmp_path, capsys, more_lines
):
    """A study that was made before there was a table of all lines has none."""
    applied, spare = tmp_path / "corrections.csv", tmp_path / "scratch/corrections.csv"
    applied.write_text("file,verdict\n")
    dataset = {"corrections": str(tmp_path / "mistyped.csv")}
    tables = [*(tmp_path / name for name in more_lines), applied]
    assert corrections_file(dataset, *tables, spare=spare) == str(spare)
    assert "mistyped.csv is not here; going on with the corrections" in capsys.readouterr().err
    applied.unlink()  # as Snakemake does before the job that writes it
    assert corrections_file(dataset, *tables, spare=spare) == str(spare)
    assert spare.read_text() == "file,verdict\n"
