"""What changes when the machine does: python benchmarks/machines.py [variant …].

Runs the committed pipeline in clones of the repository as other machines would, and compares its
outputs with those of the committed dvc.lock; writes benchmarks/machines.md. Needs JAX as well.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from animals10 import errors
from animals10.errors import UserError
from animals10.files import outs, read_lock
from animals10.tracking.provenance import revision

ROOT = Path(__file__).resolve().parent.parent
VARIANTS = {
    "the same": {},
    "1 thread": {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"},
    "no oneDNN": {"TF_ENABLE_ONEDNN_OPTS": "0"},
    "oneDNN with AVX2 alone": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "JAX": {"KERAS_BACKEND": "jax"},
}
MODELS = ("cnn", "frozen", "finetuned")
TABLE = ROOT / "benchmarks" / "machines.md"
HEAD = [
    "# The default run as other machines would do it",
    "",
    "By `python benchmarks/machines.py`: outputs compared with those of the committed run, and",
    "accuracies on test.",
    "",
    "| variant | revision | same outputs | CNN | frozen | fine-tuned | outputs that differ |",
    "|---------|----------|--------------|-----|--------|------------|---------------------|",
]


def outputs(folder: Path) -> dict[str, str]:
    """Return DVC's digest of every output, from dvc.lock."""
    return outs(read_lock((folder / "dvc.lock").read_text(encoding="utf-8")))


def run(environment: dict[str, str], folder: Path) -> str:
    """Run the pipeline in a clone; return a row of the table."""
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    subprocess.run(
        ["dvc", "repro", "--force"], cwd=folder, env=os.environ | environment, check=True
    )
    committed, found = outputs(ROOT), outputs(folder)
    same = [path for path in committed if committed[path] == found[path]]
    differing = [f"`{path}`" for path in committed if path not in same]
    scores: dict[str, Any] = json.loads((folder / "metrics/evaluate.json").read_text())
    accuracies = " | ".join(f"{scores[model]['test']['accuracy']:.3f}" for model in MODELS)
    changed = ", ".join(differing) or "none"
    return f"{revision()[:7]} | {len(same)} of {len(committed)} | {accuracies} | {changed}"


def main() -> None:
    """Run every variant, or those that are named, and write their rows of the table."""
    names = sys.argv[1:] or list(VARIANTS)
    if unknown := set(names) - set(VARIANTS):
        raise UserError(f"no variant {min(unknown)!r}; allowed: {', '.join(VARIANTS)}")
    rows = {}
    if TABLE.is_file():
        rows = {line.split(" | ")[0].strip("| "): line for line in TABLE.read_text().splitlines()}
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            rows[name] = f"| {name} | {run(VARIANTS[name], Path(folder) / 'clone')} |"
        lines = [*HEAD, *(rows[key] for key in VARIANTS if key in rows)]
        TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    errors.run(main)
