"""Commands: python -m animals10 params | compare | backbones | repair | sync | ui | why."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from animals10 import choosing, comparison, environment, inputs, parameters


def main() -> None:
    """Run the command that the arguments name."""
    parser = argparse.ArgumentParser(prog="python -m animals10", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("params", help="check params.yaml")
    commands.add_parser("compare", help="print the table of models")
    commands.add_parser("repair", help="remove what a kill left that DVC cannot read")
    sync = commands.add_parser("sync", help="complete the MLflow store from git and DVC")
    sync.add_argument("--history", action="store_true", help="of earlier commits as well")
    ui = commands.add_parser("ui", help="serve MLflow's pages to this machine")
    ui.add_argument("--port", type=int, default=5000)
    why = commands.add_parser("why", help="tell what made a model file")
    why.add_argument("path", type=Path, help="for instance models/finetuned.keras")
    choose = commands.add_parser("backbones", help="measure what each backbone costs here")
    names = get_args(parameters.BackboneName)
    choose.add_argument("names", nargs="*", metavar="name", help="of all that backbone.name takes")
    choose.add_argument("--batch", type=int, default=choosing.BATCH, help="images a step")
    choose.add_argument("--folder", type=Path, help="for the table (benchmarks, or benchmarks/out)")
    arguments = parser.parse_args()
    if arguments.command == "params":
        params = parameters.load()
        environment.require(params)
        inputs.require(params)
        print("params.yaml is valid")
    elif arguments.command == "compare":
        print(comparison.table(_metrics("evaluate"), _sizes()))
    elif arguments.command in ("repair", "sync", "ui", "why"):
        if not Path("dvc.yaml").is_file():
            raise errors.UserError("there is no dvc.yaml here; run from the project's folder")
        for line in _told(arguments):
            print(line, flush=True)
    else:
        unknown = set(arguments.names) - set(names)
        if unknown:
            raise errors.UserError(f"no backbone {min(unknown)!r}; allowed: {', '.join(names)}")
        if arguments.batch < 1:
            raise errors.UserError(f"--batch {arguments.batch} is not allowed; give 1 or more")
        # The committed table is of all, at the batch size of what is quoted.
        whole = not arguments.names and arguments.batch == choosing.BATCH
        folder = arguments.folder or Path("benchmarks" if whole else "benchmarks/out")
        _backbones(arguments.names or names, arguments.batch, folder)


def _told(arguments: argparse.Namespace) -> Iterable[str]:
    # They import DVC, MLflow or Keras, which take seconds.
    if arguments.command == "repair":
        from animals10 import repairing

        return repairing.repair()
    if arguments.command == "why":
        from animals10.tracking import why

        return why.explain(arguments.path)
    if arguments.command == "ui":
        from animals10.tracking import ui

        return ui.open_pages(arguments.port)
    from animals10.tracking import sync

    return sync.sync(arguments.history)


def _backbones(names: Iterable[str], batch: int, folder: Path) -> None:
    from animals10.tracking import record  # it imports MLflow, which takes seconds

    quoted = pd.read_csv(choosing.QUOTED)  # first, since measuring takes minutes
    measured = choosing.measure_all(names, batch)
    files = choosing.write_table(folder, measured, quoted, batch)
    record.log_benchmark(
        "backbones", {row.pop("name"): row for row in measured.to_dict("records")}, files
    )
    print(files[1].read_text(encoding="utf-8"), end="")


def _sizes() -> dict[str, int]:
    stages = {"cnn": "train_cnn", "frozen": "train_frozen", "finetuned": "finetune"}
    return {model: _metrics(stage)["parameters"] for model, stage in stages.items()}


def _metrics(stage: str) -> dict[str, Any]:
    path = Path("metrics") / f"{stage}.json"
    if not path.is_file():
        raise errors.UserError(f"{path} is missing; run `make repro` first")
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


if __name__ == "__main__":
    errors.run(main)
