"""What was measured: rows of measured.csv, and the ratios of them."""

import subprocess
from functools import cache
from pathlib import Path

import pandas as pd

from animals10.tracking import provenance

NOTEBOOKS = {"a": "generator.py", "b": "dataset.py"}
# What is measured; rows of other code than the newest do not count.
CODE = ("src", "stages", "dvc.yaml", "params.yaml", "uv.lock", "benchmarks/notebooks/*.py")
COLUMNS = [
    "work", "way", "repetition", "seconds", "val_accuracy", "outputs", "photos", "revision",
    "machine",
]  # fmt: skip
SAME = ["photos", "revision", "machine"]  # of rows that may be compared


@cache
def revision() -> str:
    """Return the last commit that changed what is measured, of which all that runs is a clone."""
    git = ["git", "-C", str(Path(__file__).parents[2]), "log", "-1", "--format=%h", "--", *CODE]
    return subprocess.check_output(git, text=True).strip()


def read_rows(path: Path) -> pd.DataFrame:
    """Read measured rows."""
    return pd.read_csv(path, dtype={"revision": str, "outputs": str})  # 447e525 is no number


class Table:
    """benchmarks/notebooks/measured.csv.

    Args:
        work: the first column of rows that are counted.
        photos: that all is measured on.

    Attributes:
        repetition: number of this one.
    """

    path = Path(__file__).with_name("measured.csv")

    def __init__(self, work: str, photos: int) -> None:
        self.place = [photos, revision(), provenance.surroundings()["machine"]]
        rows = read_rows(self.path) if self.path.exists() else pd.DataFrame(columns=COLUMNS)
        earlier = rows[(rows["work"] == work) & (rows[SAME] == self.place).all(axis=1)]
        self.repetition = int(earlier["repetition"].max()) + 1 if len(earlier) else 0

    def add(self, work: str, way: str, seconds: float, **more: object) -> None:
        """Add a row; what is not given in `more` stays empty."""
        row = {"work": work, "way": way, "repetition": self.repetition}
        row |= {"seconds": round(seconds, 2), **dict(zip(SAME, self.place, strict=True)), **more}
        added = pd.DataFrame([row], columns=COLUMNS)
        added.to_csv(self.path, mode="a", header=not self.path.exists(), index=False)
        print(row, flush=True)


def ratios() -> pd.DataFrame:
    """Return what each work takes, and how much longer in the notebooks: median (least to most).

    Times of one repetition are compared with each other. Repetitions that were cut off do not
    count, nor does what was measured before on other photos, code or another machine.
    """
    measured = read_rows(Table.path)
    whole = measured.groupby(["work", *SAME, "repetition"])["way"].transform("nunique") == 3
    measured = measured[whole]
    last = measured.groupby("work")[SAME].transform("last")
    measured = measured[(measured[SAME] == last).all(axis=1)]
    accuracies = measured.groupby(["work", "way"])["val_accuracy"].median().unstack("way")
    taken = measured.groupby(["work", "repetition", "way"])["seconds"]
    seconds = taken.median().unstack("way")
    table = pd.DataFrame({"pipeline, s": seconds["pipeline"].groupby("work").median().round(1)})
    for way in NOTEBOOKS:
        by_work = (seconds[way] / seconds["pipeline"]).groupby("work")
        middle, least, most = by_work.median(), by_work.min(), by_work.max()
        table[f"({way}), s"] = seconds[way].groupby("work").median().round(1)
        table[f"against ({way})"] = [
            f"{a:.1f} x ({b:.1f} to {c:.1f})" for a, b, c in zip(middle, least, most, strict=True)
        ]
    made = measured.dropna(subset="outputs").groupby("work")["outputs"]
    table["same outputs of it"] = made.agg(
        lambda found: f"{found.value_counts().iloc[0]} of {len(found)}"
    )
    table = table.join(accuracies.round(3).add_prefix("accuracy, "))
    return table.join(measured.groupby("work")[["photos", "revision"]].last())
