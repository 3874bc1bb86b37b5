"""Kill a change of the champion before each of its file operations.

    PYTHONPATH=src:tests python -m deployment.killed_changes PROJECT promote

copies a project for each operation, the first, the second and so on, changes the champion in the
copy until that operation comes, and kills itself there. The copies are PROJECT-0, PROJECT-1, ….
"""

import os
import shutil
import signal
import sys
from itertools import count
from pathlib import Path

from deployment.champions import origin

from animals10.deployment import champion

OPERATIONS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink")


def promote() -> None:
    contents = {path.name: path.read_bytes() for path in Path("made").iterdir()}
    with champion.lock():
        champion.add(contents, origin(), "a test")


def kill_before(number: int) -> None:
    """Kill this process when it is about to do its next file operation but so many."""
    remaining = number

    def count_down(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal remaining
        if event in OPERATIONS and "champion" in str(arguments[0]):
            remaining -= 1
            if remaining < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count_down)


def change(folder: Path, action: str, number: int) -> bool:
    """Change the champion in a new process; return whether it came to its end."""
    if child := os.fork():
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in (0, -signal.SIGKILL)
        return status == 0
    os.chdir(folder)
    kill_before(number)
    {"promote": promote, "rollback": champion.rollback}[action]()
    os._exit(0)


def main() -> None:
    project, action = Path(sys.argv[1]), sys.argv[2]
    for number in count():
        copy = project.with_name(f"{project.name}-{number}")
        shutil.copytree(project, copy, symlinks=True)
        if change(copy, action, number):
            break


if __name__ == "__main__":
    main()
