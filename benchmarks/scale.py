"""Time and memory of every stage by the number of photos: python benchmarks/scale.py.

Takes photos from ../shared/data/animals10-136.zip, part of them or each several times, runs the
stages one by one in a clone, with one epoch each, and writes benchmarks/scale.md.
"""

import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
COUNTS = (24_068, 4 * 24_068)
STAGES = ("fetch", "split", "train_cnn", "embed", "train_frozen", "finetune", "evaluate")
CHANGES = {
    "embed": {"views": 0},
    "train_cnn": {"epochs": 1},
    "train_frozen": {"epochs": 1},
    "finetune": {"epochs": 1, "rounds": 1},
}


def measure(stage: str, folder: Path) -> tuple[float, float]:
    """Run a stage; return its seconds and its peak resident memory in MiB."""
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, "
        "stdout=subprocess.DEVNULL); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, sys.executable, f"stages/{stage}.py"],
        cwd=folder, env={"PATH": "/usr/bin:/bin", "PYTHONPATH": "src"},
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return time.perf_counter() - start, int(done.stdout) / 1024


def clone(folder: Path, count: int) -> None:
    """Clone the project, for `count` photos: the first ones, or all several times."""
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    zipped = SHARED / "data" / "animals10-136.zip"
    with zipfile.ZipFile(zipped) as photos, zipfile.ZipFile(folder / "source.zip", "w") as source:
        names = sorted(photos.namelist(), key=lambda name: name[::-1])  # classes mixed
        names = [name for name in names if not name.endswith("/")]
        for index in range(count):
            repeat, place = divmod(index, len(names))
            path = Path(names[place])
            name = path.with_name(f"{repeat}-{path.name}").as_posix()
            source.writestr(name, photos.read(names[place]))
    values = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    values["fetch"]["source"] = "source.zip"
    weights = SHARED / "weights" / "efficientnetb0_imagenet_notop.weights.h5"
    values["backbone"]["weights"] = str(weights)
    for stage, changes in CHANGES.items():
        values[stage] |= changes
    (folder / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")


def table(measured: dict[str, list[tuple[float, float]]]) -> list[str]:
    """Return the lines of a Markdown table: a row for each stage, a column for each count."""
    head = [f"{count:,} photos" for count in COUNTS]
    rows = [
        [stage, *(f"{seconds:.0f} s, {mib:,.0f} MiB" for seconds, mib in cells)]
        for stage, cells in measured.items()
    ]
    lines = [["stage", *head], ["---", *("---:" for _ in head)], *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def main() -> None:
    """Measure every stage with every count and write the table."""
    measured: dict[str, list[tuple[float, float]]] = {stage: [] for stage in STAGES}
    for count in COUNTS:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "project"
            clone(folder, count)
            for stage in STAGES:
                measured[stage].append(measure(stage, folder))
                print(count, stage, measured[stage][-1], flush=True)
    lines = [
        "# Time and memory of every stage",
        "",
        "By `python benchmarks/scale.py`, on photos of Animals-10 (shorter side 136 pixels, taken",
        "four times for the larger count), one epoch each, one view of each training image; time",
        "with the start of Python, memory as the peak resident set of the stage's largest process.",
        "",
        *table(measured),
    ]
    (ROOT / "benchmarks" / "scale.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
