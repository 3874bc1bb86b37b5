"""Kill stages at random times, and see that nothing is lost or changed (`make kill`).

    PYTHONPATH=src:tests python -m pipeline.killing 30

runs the default pipeline once, then 30 times: lets DVC forget a random stage, kills `dvc repro`
with all its processes at a random time of that stage or while it writes a file, runs `dvc repro`
again, and compares every output with the first run's. A training must not begin at its first epoch
again once one was kept.
"""

import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pipeline.project import ENVIRONMENT, STAGES, make_project

from animals10.errors import UserError
from animals10.files import own_lock

Moment = Callable[[Path], bool]
OUTPUTS = ("dvc.lock", "data", "models", "metrics", "plots")
LOG = "killing.log"  # beside the project


def fingerprint(folder: Path) -> dict[str, str]:
    """Return the sha256 of every output; not of what DVC leaves when killed while linking one."""
    files = [
        file
        for name in OUTPUTS
        for file in ((folder / name).rglob("*") if (folder / name).is_dir() else [folder / name])
        if file.is_file() and file.name != ".gitignore" and not file.match(".*.tmp")
    ]
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(files)
    }


def run(folder: Path, *arguments: str, seconds: float = 0, until: Moment | None = None) -> bool:
    """Run `dvc repro`, and kill it at a moment.

    Args:
        folder: the project.
        arguments: of `dvc repro`.
        seconds: not before these have passed.
        until: tells whether the moment has come; None never kills.

    Returns:
        Whether it came to its end.
    """
    log = folder.parent / LOG
    with log.open("w") as output:
        process = subprocess.Popen(
            ["dvc", "repro", *arguments],
            cwd=folder,
            env=ENVIRONMENT,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    start = time.perf_counter()
    while process.poll() is None:
        if until and time.perf_counter() - start >= seconds and until(folder):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return False
        time.sleep(0.005)
    assert process.returncode == 0, log.read_text()
    return True


def at_once(folder: Path) -> bool:
    """Let the time alone decide."""
    return True


def saving(folder: Path) -> bool:
    """Tell whether a file is being written, a state of a training included."""
    places = ("data/**/.*", "models/.*", "metrics/.*", "plots/**/.*", ".checkpoints/*/*/.*")
    return any(path.name != ".gitignore" for place in places for path in folder.glob(place))


def reference(folder: Path) -> dict[str, float]:
    """Run every stage once, uninterrupted; return the seconds of each."""
    seconds = {}
    run(folder, "--single-item", "check")
    for stage in STAGES:
        start = time.perf_counter()
        run(folder, "--single-item", stage)
        seconds[stage] = time.perf_counter() - start
    return seconds


def forget(folder: Path, stage: str) -> None:
    """Let DVC know nothing of a stage's results, so that it runs it."""
    lock = folder / "dvc.lock"
    text = lock.read_text()
    entry = re.search(rf"^  {stage}:\n(?:    .*\n)+", text, re.MULTILINE)
    assert entry
    forgotten = re.sub(r"[0-9a-f]{32}\n", 32 * "f" + "\n", entry[0])  # but folders', which it reads
    lock.write_text(text.replace(entry[0], forgotten))
    for key in (folder / ".dvc/cache/runs").glob("*/*"):  # a folder of runs with the same inputs
        if any(f"stages/{stage}.py" in path.read_text() for path in key.iterdir()):
            shutil.rmtree(key)


def remove_damaged(folder: Path) -> None:
    """Remove what DVC was writing, as docs/reproducibility.md says; git has no earlier dvc.lock."""
    lock, table = folder / "dvc.lock", folder / ".dvc/tmp/rwlock"
    try:
        own_lock(folder)
    except UserError:
        lock.unlink()
    if table.is_file() and not table.read_text().strip().endswith("}"):
        table.unlink()


def kill(folder: Path, stage: str, seconds: float, until: Moment) -> set[str] | None:
    """Run a stage of a finished run anew, kill it, and resume with `dvc repro`.

    Args:
        folder: the project.
        stage: its name.
        seconds: as `run`.
        until: as `run`.

    Returns:
        The outputs that differ from before; None where the stage was faster than the kill.
    """
    expected = fingerprint(folder)
    forget(folder, stage)
    if run(folder, seconds=seconds, until=until):
        return None
    kept = any((folder / ".checkpoints" / stage).rglob("epoch-*.npz"))
    remove_damaged(folder)
    run(folder)
    log = (folder.parent / LOG).read_text()
    assert not (kept and "Epoch 1/" in log), f"{stage} began anew: {log}"
    return {name for name, _ in expected.items() ^ fingerprint(folder).items()}


def main() -> None:
    """Kill as often as the command line says."""
    kills, rng = int(sys.argv[1]), random.Random()  # noqa: S311
    hit = same = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "project"
        make_project(folder, changes={})
        seconds = reference(folder)
        while hit < kills:
            stage, until = rng.choice(STAGES), rng.choice((at_once, saving))
            moment = rng.uniform(0, seconds[stage])
            different = kill(folder, stage, moment, until)
            if different is not None:
                hit, same = hit + 1, same + (not different)
                told = f"{stage} killed after {moment:.0f} s ({until.__name__})"
                print(f"{hit}: {told}; different: {different}", flush=True)
    print(f"the same {same} times of {kills}")
    sys.exit(same != kills)


if __name__ == "__main__":
    main()
