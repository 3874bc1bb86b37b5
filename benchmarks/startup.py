"""What a run costs beside its work: python benchmarks/startup.py.

Prints the seconds until `fetch` and `split` begin; of `dvc repro` with nothing to do, on all
photos of ../shared and on an empty pipeline; and of an experiment in the workspace and in a copy.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import scale

TIMES = 5


def seconds(command: list[str], folder: Path) -> float:
    """Return how long a command takes."""
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def tell(what: str, *commands: list[str], folder: Path) -> None:
    """Run commands, each once, and print the median of their times."""
    taken = [seconds(command, folder) for command in commands]
    print(f"{what}: {statistics.median(taken):.2f} s ({min(taken):.2f} to {max(taken):.2f})")


def main() -> None:
    """Measure and print everything."""
    with tempfile.TemporaryDirectory() as name:
        project, empty = Path(name) / "project", Path(name) / "empty"
        scale.clone(project, 24_068)
        for stage in ("fetch", "split"):
            begin = f"import runpy; runpy.run_path('stages/{stage}.py', run_name='begun')"
            command = ["env", "PYTHONPATH=src", sys.executable, "-c", begin]
            tell(f"until {stage} begins", *[command] * TIMES, folder=project)
        subprocess.run(["dvc", "repro"], cwd=project, check=True)
        tell("dvc repro, nothing to do", *[["dvc", "repro"]] * TIMES, folder=project)
        subprocess.run(["git", "init", "--quiet", empty], check=True)
        subprocess.run(["dvc", "init", "--quiet"], cwd=empty, check=True)
        (empty / "dvc.yaml").write_text("stages: {}\n", encoding="utf-8")
        tell("dvc repro, empty pipeline", *[["dvc", "repro"]] * TIMES, folder=empty)
        for place, where in (("in the workspace", []), ("in a temporary copy", ["--temp"])):
            rates = [f"train_frozen.lr={len(where) * 1e-3 + i * 1e-4 + 2e-3:g}" for i in range(3)]
            experiments = [
                ["dvc", "exp", "run", *where, "-S", rate, "train_frozen"] for rate in rates
            ]
            tell(f"an experiment {place}", *experiments, folder=project)


if __name__ == "__main__":
    main()
