"""What a container engine makes of the Containerfile, imitated in a folder by its own commands.

The folder stands for the image's /app, and this environment's Python for the base image's. A
process has neither capabilities nor a variable that the Containerfile does not set.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from conftest import ROOT

CONTAINERFILE = ROOT / "Containerfile"
# Where the user is root, as in CI: without these, it is bound by permissions like any other.
UNPRIVILEGED = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.getuid() == 0 else []
# What a user's machine may need to reach a package index.
_NETWORK = {
    name: value
    for name, value in os.environ.items()
    if name.startswith(("PIP_", "SSL_", "REQUESTS_")) or name.lower().endswith("_proxy")
}


@dataclass
class Stage:
    """A stage of the Containerfile: its base and its instructions, those of its base first."""

    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def last(self, name: str) -> str:
        """Return the arguments of the last instruction of a name."""
        return [rest for each, rest in self.instructions if each == name][-1]

    def command(self, name: str) -> list[str]:
        """Return the command of ENTRYPOINT, CMD or HEALTHCHECK, which are in JSON."""
        found: list[str] = json.loads(self.last(name).rpartition("CMD ")[2])
        return found


def stages() -> dict[str, Stage]:
    """Read the Containerfile."""
    text = re.sub(r"^#.*\n", "", CONTAINERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found: dict[str, Stage] = {}
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        name, _, rest = line.partition(" ")
        if name == "FROM":
            base, _, new = rest.partition(" AS ")
            inherited = found[base].instructions if base in found else []
            found[new] = Stage(base, [*inherited])
            current = found[new]
        elif name:
            current.instructions.append((name, rest))
    return found


class Image:
    """A stage that is built in a folder.

    Args:
        folder: an empty one; each stage gets a folder in it.
        context: the folder that is sent to the engine.
        target: of the stages.
        requirements: the value of the argument REQUIREMENTS.
    """

    def __init__(self, folder: Path, context: Path, target: str, requirements: str) -> None:
        self._root, self._context, self._requirements = folder, context, requirements
        self.stage = stages()[target]
        self.app = self._build(target)
        self.environment = _environment(self.stage, self.app)

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a command as in the container."""
        return subprocess.run(
            [*UNPRIVILEGED, *command],
            cwd=self.app,
            env=self.environment,
            capture_output=True,
            text=True,
        )

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        """Start the ENTRYPOINT, with arguments instead of CMD, and with more variables."""
        command = [*UNPRIVILEGED, *self.stage.command("ENTRYPOINT"), *arguments]
        return subprocess.Popen(command, cwd=self.app, env=self.environment | variables)

    @contextmanager
    def serving(self, *arguments: str, **variables: str) -> Iterator[str]:
        """Start the ENTRYPOINT on a free port until HEALTHCHECK succeeds; yield its address."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        given = ["--host", "127.0.0.1", "--port", port, *arguments]  # the last of each counts
        check = self.stage.command("HEALTHCHECK")
        check[-1] = check[-1].replace(self.stage.last("EXPOSE"), port)
        with self.start(*given, **variables) as process:
            try:
                while self.run(check).returncode:
                    assert process.poll() is None, "the server has ended"
                    time.sleep(0.2)
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()

    def _build(self, name: str) -> Path:
        stage, folder = stages()[name], self._root / name
        if folder.exists():
            return folder
        folder.mkdir()
        for instruction, rest in stage.instructions:
            if instruction == "COPY":
                self._copy(folder, rest)
            elif instruction == "RUN":
                environment = _environment(stage, folder) | _NETWORK
                subprocess.run(["sh", "-c", rest], cwd=folder, env=environment, check=True)
        return folder

    def _copy(self, folder: Path, arguments: str) -> None:
        source, target = re.sub(r"--from=\S+ ", "", arguments).split()
        if origin := re.search(r"--from=(\S+)", arguments):
            path = self._build(origin[1]) / Path(source).relative_to("/app")
        else:
            path = self._context / source.replace("${REQUIREMENTS}", self._requirements)
        if path.is_dir():
            shutil.copytree(path, folder / target, symlinks=True)
        else:
            shutil.copy(path, folder / target)

    def protect(self) -> None:
        """Let nobody write into the folder, as in a read-only file system."""
        subprocess.run(["chmod", "--recursive", "a-w", self.app], check=True)

    def size(self) -> int:
        """Return the bytes of all files."""
        paths = (path for path in self.app.rglob("*") if not path.is_symlink())
        return sum(path.stat().st_size for path in paths if path.is_file())


def _environment(stage: Stage, app: Path) -> dict[str, str]:
    """Return the variables that ENV sets, with the folder for /app."""
    given = " ".join(rest for name, rest in stage.instructions if name == "ENV")
    values = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
    values |= dict(pair.partition("=")[::2] for pair in given.split())
    python = str(Path(sys.executable).parent)
    values["PATH"] = values["PATH"].replace("/usr/local/bin", python)
    return {key: value.replace("/app", str(app)) for key, value in values.items()}
