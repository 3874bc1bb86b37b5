"""Commands: python -m animals10 params | compare | experiments | predict | serve | report | …."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def main() -> None:
    """Run the command that the arguments name."""
    parser = argparse.ArgumentParser(prog="python -m animals10", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("params", help="check params.yaml")
    commands.add_parser("compare", help="print the table of models")
    commands.add_parser("experiments", help="print the table of DVC's experiments")
    commands.add_parser("report", help="open the report, with times, commit and changes")
    sync = commands.add_parser("sync", help="complete the MLflow store from git and DVC")
    sync.add_argument("--history", action="store_true", help="of earlier commits as well")
    ui = commands.add_parser("ui", help="serve MLflow's pages to this machine")
    ui.add_argument("--port", type=int, default=5000)
    why = commands.add_parser("why", help="explain what made a model file")
    why.add_argument("path", type=Path, help="for instance models/finetuned.keras")
    _add_predict(commands)
    _add_serve(commands)
    arguments = parser.parse_args()
    if arguments.command == "predict":  # which works anywhere
        from animals10.deployment import command

        sys.exit(command.run(arguments))
    if arguments.command == "serve":  # so does this
        from animals10.serving import command as serving

        serving.run(arguments)
        return
    if not Path("dvc.yaml").is_file():
        raise errors.UserError("there is no dvc.yaml here; run from the project's folder")
    for line in _run(arguments):
        print(line, flush=True)


def _add_predict(commands: Any) -> None:
    predict = commands.add_parser("predict", help="tell what is on photos")
    predict.add_argument(
        "photos",
        nargs="+",
        metavar="PATH",
        help="files, folders, patterns, archives; - for a list on standard input",
    )
    predict.add_argument(
        "--model", help="cnn, frozen, finetuned, champion, or a file; by default the champion"
    )
    predict.add_argument("--top", type=_count, default=2, metavar="K", help="classes to name (2)")
    form = predict.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print a JSON object a line")
    form.add_argument("--csv", action="store_true", help="print CSV")


def _add_serve(commands: Any) -> None:
    serve = commands.add_parser("serve", help="serve predictions over HTTP, and a page")
    serve.add_argument("--host", default="127.0.0.1", help="elsewhere it needs a token")
    serve.add_argument("--port", type=int, default=8000, help="0 for any that is free")
    serve.add_argument(
        "--model", help="cnn, frozen, finetuned, champion, or a file; by default the champion"
    )
    serve.add_argument("--no-page", action="store_true", help="only the API")
    serve.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a limit of docs/serving.md, as queue=64",
    )


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; give 1 or more")
    return int(text)


def _run(arguments: argparse.Namespace) -> Iterable[str]:
    # Each command imports what it needs: MLflow, Keras and DVC take seconds.
    if arguments.command == "params":
        from animals10 import parameters
        from animals10.data import inputs
        from animals10.models import checks

        _require_repository()
        params = parameters.load()
        checks.require(params, inputs.read_recorded(inputs.RECORD, params))
        return ["params.yaml is valid"]
    if arguments.command == "compare":
        from animals10 import files
        from animals10.evaluation import tables
        from animals10.tracking import provenance

        table = tables.comparison(*map(_metrics, ("evaluate", "report", "baselines")))
        stale = "evaluate" in provenance.outdated(files.own_lock())
        return [table, *["it is of earlier models: `dvc repro` compares those of now"] * stale]
    if arguments.command == "experiments":
        from animals10 import files
        from animals10.tracking import experiments

        return [experiments.table(experiments.collect(files.read_yaml(Path("params.yaml"))))]
    if arguments.command == "report":
        with errors.quiet_import():
            from animals10.tracking import local_report  # it loads TensorFlow

        return local_report.open_report()
    if arguments.command == "why":
        from animals10.tracking import why

        return why.explain(arguments.path)
    if arguments.command == "ui":
        from animals10.tracking import ui

        return ui.open_pages(arguments.port)
    from animals10.tracking import sync

    return sync.sync(arguments.history)


def _require_repository() -> None:
    here = Path.cwd()
    if not any((folder / ".git").exists() for folder in (here, *here.parents)):
        raise errors.UserError(
            "this folder is in no git repository, and DVC compares results by commits; clone the "
            "project, or make it one: `git init && git add --all && git commit --message start`"
        )


def _metrics(stage: str) -> dict[str, Any]:
    path = Path("metrics") / f"{stage}.json"
    if not path.is_file():
        raise errors.UserError(f"{path} is missing; run `make repro` first")
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


if __name__ == "__main__":
    errors.run(main)
