"""What a run costs beside its work: python benchmarks/startup.py.

Prints the seconds until `fetch` and `split` begin; of `dvc repro` with nothing to do, on all
photos of ../shared and on an empty pipeline; and of an experiment in the workspace and in a copy,
which take turns. The first time is told apart: it reads from the disk what the others find in
memory.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import scale

TIMES = 6


def seconds(command: list[str], folder: Path) -> float:
    """Return how long a command takes."""
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def tell(what: str, taken: list[float]) -> None:
    """Print the median of times but the first, and their range."""
    first, *others = taken
    told = f"{statistics.median(others):.2f} s ({min(others):.2f} to {max(others):.2f}"
    print(f"{what}: {told}; at first {first:.2f})", flush=True)


def main() -> None:
    """Measure and print everything."""
    with tempfile.TemporaryDirectory() as name:
        project, empty = Path(name) / "project", Path(name) / "empty"
        scale.clone(project, 24_068)
        for stage in ("fetch", "split"):
            begin = f"import os, runpy; runpy.run_path('stages/{stage}.py'); os._exit(0)"
            command = ["env", "PYTHONPATH=src", sys.executable, "-c", begin]
            tell(f"until {stage} begins", [seconds(command, project) for _ in range(TIMES)])
        subprocess.run(["dvc", "repro"], cwd=project, check=True)
        subprocess.run(["git", "init", "--quiet", empty], check=True)
        subprocess.run(["dvc", "init", "--quiet"], cwd=empty, check=True)
        (empty / "dvc.yaml").write_text("stages: {}\n", encoding="utf-8")
        for what, folder in (("nothing to do", project), ("empty pipeline", empty)):
            taken = [seconds(["dvc", "repro"], folder) for _ in range(TIMES)]
            tell(f"dvc repro, {what}", taken)
        measure_experiments(project)


def measure_experiments(project: Path) -> None:
    """Run experiments in the workspace and in a copy in turn; print their times."""
    places = {"in the workspace": [], "in a temporary copy": ["--temp"]}
    taken: dict[str, list[float]] = {place: [] for place in places}
    for number in range(TIMES - 1):
        for place, where in places.items():
            rate = f"train_frozen.lr={2e-3 + number * 1e-4 + len(where) * 1e-5:g}"
            command = ["dvc", "exp", "run", *where, "-S", rate, "train_frozen"]
            taken[place].append(seconds(command, project))
    for place in places:
        tell(f"an experiment {place}", taken[place])
    pairs = zip(*(times[1:] for times in taken.values()), strict=True)
    more = [of_copy - one for one, of_copy in pairs]
    print(f"a copy takes {statistics.median(more):.2f} s more ({min(more):.2f} to {max(more):.2f})")


if __name__ == "__main__":
    main()
