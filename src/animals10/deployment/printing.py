"""Predictions as lines of text: a table for people, JSON and CSV for programs."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from animals10.data.names import readable

Row = dict[str, Any]  # as `photos.predictions` yields them
_NARROWEST = 12  # columns of the names of files


def as_json(rows: Iterable[Row]) -> Iterator[str]:
    """Yield a JSON object a line."""
    return map(json.dumps, rows)


def as_csv(rows: Iterable[Row], top: int) -> Iterator[str]:
    """Yield a header and a line a photo.

    Args:
        rows: the predictions.
        top: how many classes to name; the first has the columns class and probability.
    """
    more = [f"{key}_{rank}" for rank in range(2, top + 1) for key in ("class", "probability")]
    yield _csv_line(["file", "class", "probability", "unsure", "error", *more])
    for row in rows:
        if "error" in row:
            yield _csv_line([row["file"], "", "", "", row["error"], *[""] * len(more)])
        else:
            others = [value for pair in row["top"][1:] for value in pair]
            others += [""] * (len(more) - len(others))
            unsure = str(row["unsure"]).lower()
            yield _csv_line([row["file"], row["class"], row["probability"], unsure, "", *others])


def _csv_line(values: list[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue()


def as_table(
    rows: Iterable[Row], files: list[str], classes: list[str], top: int, columns: int
) -> Iterator[str]:
    """Yield a header and a line a photo, each as soon as it is known.

    Args:
        rows: the predictions.
        files: the names of all photos, by which the first column is as wide as it must be.
        classes: the names of all classes, likewise.
        top: how many classes to name.
        columns: of the terminal; longer names of files lose their beginnings.
    """
    names = max(map(len, ["class", *classes]))
    rest = names + len("  " * 4 + "probabilityunsure") + (top - 1) * (names + len(" 0.123, "))
    longest = max((len(readable(file)) for file in files), default=0)
    width = min(max(longest, len("file")), max(_NARROWEST, columns - rest))
    yield f"{'file':{width}}  {'class':{names}}  probability{'':10}runner-up"
    for row in rows:
        file = readable(row["file"])
        file = file if len(file) <= width else "…" + file[1 - width :]
        yield f"{file:{width}}  {_cells(row, names)}".rstrip()


def _cells(row: Row, names: int) -> str:
    if "error" in row:
        return row["error"]
    unsure = "unsure" if row["unsure"] else ""
    others = ", ".join(f"{name} {probability:.3f}" for name, probability in row["top"][1:])
    return f"{row['class']:{names}}  {row['probability']:11.3f}  {unsure:6}  {others}"
