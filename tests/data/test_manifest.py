from pathlib import Path

import pytest

from animals10.data import manifest
from animals10.data.layouts import Member
from animals10.errors import UserError


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "labels.csv"


def test_columns_are_read_in_any_order_and_spelling(table: Path) -> None:
    text = (
        "label, Path,group,note,split\n"
        "cat,a/1.jpg,rex,x,Train\n"
        "dog,.\\b\\2.jpg,,y,\n"
        "cat,b/4.jpg,,,valid\n"
        ",5.jpg,rex,,test\n"
        "cat,6.jpg,rex,,\n"
        "\n"
        '"a, ""b""",3.jpg\n'
    )
    table.write_text(text, encoding="utf-8-sig")
    assert manifest.read(table) == {
        "a/1.jpg": Member("cat", "train", "rex"),
        "b/2.jpg": Member("dog"),
        "b/4.jpg": Member("cat", "validation"),
        "5.jpg": Member("", "test", "rex"),
        "6.jpg": Member("cat", "", "rex"),
        "3.jpg": Member('a, "b"'),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "has the columns none, and so no path and no label"),
        (b"id,breed\n1,cat\n", "has the columns 'id', 'breed', and so no path and no label"),
        (b"path;label\n1.jpg;cat\n", "has the columns 'path;label', and so no path"),
        (b"path,label\n1.jpg,cat\n./1.jpg,dog\n", "lists '1.jpg' a second time in line 3"),
        (b"path,label\n,cat\n", "has no path in line 2"),
        (b"path,label,split\n1.jpg,cat,holdin\n", "has the split 'holdin' in line 2, not train"),
        (b"path,label\n1.jpg,cat\n2.jpg,Cat\n", "'Cat' and 'cat' differ only by case"),
        (b"path,label\n1.jpg,ca\xff\n", "cannot be read .*utf-8"),
        (b'path,label\n"1.jpg,cat\n', "cannot be read .*unexpected end"),
        (
            b"path,label,split,group\n1.jpg,cat,train,g\n2.jpg,cat,test,g\n",
            "has the group 'g' in two splits",
        ),
        (b"path,label,split\n1.jpg,cat,train\n2.jpg,dog,test\n", "gives the class 'dog' to"),
        (b"path,label\n1.jpg,\n", "has no row with a label"),
    ],
)
def test_a_wrong_manifest_is_one_line(text: bytes, message: str, table: Path) -> None:
    table.write_bytes(text)
    with pytest.raises(UserError, match=message) as caught:
        manifest.read(table)
    assert "\n" not in str(caught.value)


def test_photos_are_found_within_what_wraps_them() -> None:
    names = ["set/", "set/img/", "set/img/1.jpg", "set/img/2.jpg", "set/img/3.jpg", "README"]
    members = {"img/1.jpg": Member("cat"), "img/2.jpg": Member(""), "img/9.jpg": Member("dog")}
    layout = manifest.assign(names, members)
    assert layout.members == {"set/img/1.jpg": Member("cat")}
    assert layout.rejected == {
        "set/img/2.jpg": "unlabelled: no label in the manifest",
        "img/9.jpg": "in the manifest, but not in the source",
        "set/img/3.jpg": "not in the manifest",
        "README": "not in the manifest",
    }


def test_a_manifest_of_other_photos_is_refused() -> None:
    with pytest.raises(UserError, match=r"the manifest has '1', the source 'a/1\.jpg'"):
        manifest.assign(["a/1.jpg"], {"1": Member("cat")})
