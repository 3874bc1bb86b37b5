"""Time and memory of fetch and split by the number of photos: python benchmarks/scale.py.

Takes photos from ../shared/data/animals10-136.zip, part of them or each several times, runs both
stages in a folder of their own, and writes benchmarks/scale.md.
"""

import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT.parent / "shared" / "data" / "animals10-136.zip"
COUNTS = (6_000, 12_000, 24_068, 100_000)


def measure(command: list[str], folder: Path) -> tuple[float, float]:
    """Run a command; return its seconds and its peak resident memory in MiB."""
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, "
        "stdout=subprocess.DEVNULL); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, *command],
        cwd=folder, env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / "src")},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return time.perf_counter() - start, int(done.stdout) / 1024


def workspace(folder: Path, count: int) -> None:
    """Make a project whose source has `count` photos: the first ones, or all several times."""
    with zipfile.ZipFile(SOURCE) as photos, zipfile.ZipFile(folder / "source.zip", "w") as source:
        names = sorted(photos.namelist(), key=lambda name: name[::-1])  # classes mixed
        names = [name for name in names if not name.endswith("/")]
        for index in range(count):
            repeat, place = divmod(index, len(names))
            path = Path(names[place])
            name = path.with_name(f"{repeat}-{path.name}").as_posix()
            source.writestr(name, photos.read(names[place]))
    values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    values["fetch"]["source"] = str(folder / "source.zip")
    values["backbone"]["weights"] = "none"
    (folder / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    shutil.copytree(ROOT / "pinned", folder / "pinned")


def main() -> None:
    """Measure every count and write the table."""
    lines = [
        "# Time and memory of `fetch` and `split`",
        "",
        "By `python benchmarks/scale.py`, on photos of Animals-10 (shorter side 136 pixels);",
        "100,000 are the 24,068 four times and more. Start-up of Python included; memory is the",
        "peak of the process's resident set.",
        "",
        "| photos | fetch | split | together | memory, fetch | memory, split |",
        "|-------:|------:|------:|---------:|--------------:|--------------:|",
    ]
    for count in COUNTS:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            workspace(folder, count)
            stages = ROOT / "stages"
            fetch, fetch_mib = measure([sys.executable, str(stages / "fetch.py")], folder)
            split, split_mib = measure([sys.executable, str(stages / "split.py")], folder)
        lines.append(
            f"| {count:,} | {fetch:.1f} s | {split:.1f} s | {fetch + split:.1f} s "
            f"| {fetch_mib:.0f} MiB | {split_mib:.0f} MiB |"
        )
        print(lines[-1], flush=True)
    (ROOT / "benchmarks" / "scale.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
