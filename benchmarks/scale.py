"""Time and memory of every stage by the number of photos: python benchmarks/scale.py.

Takes photos from ../shared/data/animals10-224.zip, and each of them four times, turned, so that no
two look alike; runs the stages one by one in a clone, with one epoch each, and writes
benchmarks/scale.md.
"""

import argparse
import io
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from contextlib import suppress
from pathlib import Path

import psutil
import yaml
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
COUNTS = (24_068, 4 * 24_068)
STAGES = ("fetch", "split", "train_cnn", "embed", "train_frozen", "finetune", "evaluate")
CHANGES = {
    "embed": {"augmented_copies": 1},
    "train_cnn": {"epochs": 1},
    "train_frozen": {"epochs": 1},
    "finetune": {"epochs": 1, "rounds": 1},
}


def measure(stage: str, folder: Path) -> tuple[float, float]:
    """Run a stage; return its seconds, and the most memory of all its processes in MiB."""
    start, most = time.perf_counter(), 0.0
    process = subprocess.Popen(
        [sys.executable, f"stages/{stage}.py"],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": "src"},
        stdout=subprocess.DEVNULL,
    )
    while process.poll() is None:
        most = max(most, memory(process.pid))
        time.sleep(0.2)
    if process.returncode:
        sys.exit(f"{stage} failed")
    return time.perf_counter() - start, most


def memory(number: int) -> float:
    """Return the anonymous memory of a process and all below it in MiB, shared pages once.

    Pages of files, which the system takes back when others need memory, do not count.
    """
    total = 0
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(number)
        for process in (parent, *parent.children(recursive=True)):
            with suppress(OSError, psutil.NoSuchProcess):
                rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii")
                found = re.search(r"Pss_Anon:\s+(\d+) kB", rollup)
                total += int(found[1]) if found else 0
    return total / 2**10


def turned(content: bytes, quarters: int) -> bytes:
    """Turn a photo by quarters of a circle, and encode it again."""
    image = Image.open(io.BytesIO(content)).convert("RGB").rotate(90 * quarters, expand=True)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def clone(folder: Path, count: int) -> None:
    """Clone the project, for `count` photos: all, and then turned by one quarter and more."""
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    zipped = SHARED / "data" / "animals10-224.zip"
    with zipfile.ZipFile(zipped) as photos, zipfile.ZipFile(folder / "source.zip", "w") as source:
        names = sorted(photos.namelist(), key=lambda name: name[::-1])  # classes mixed
        names = [name for name in names if not name.endswith("/")]
        for index in range(count):
            repeat, place = divmod(index, len(names))
            path = Path(names[place])
            name = path.with_name(f"{repeat}-{path.name}").as_posix()
            content = photos.read(names[place])
            source.writestr(name, turned(content, repeat) if repeat else content)
    values = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    values["fetch"]["source"] = "source.zip"
    weights = SHARED / "weights" / "efficientnetb0_imagenet_notop.weights.h5"
    values["backbone"] = {"name": "EfficientNetB0", "weights": str(weights)}
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
    argparse.ArgumentParser(description=__doc__).parse_args()
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
        "By `python benchmarks/scale.py`, on photos of Animals-10 (shorter side 224 pixels; for",
        "the larger count also turned by 90, 180, 270 degrees), one epoch each, one augmented",
        "copy of each training image; time with the start of Python; memory as the most that all",
        "processes of the stage had at once, seen five times a second, without pages of files.",
        "",
        *table(measured),
    ]
    (ROOT / "benchmarks" / "scale.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
