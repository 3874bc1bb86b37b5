"""Commands about the project: python -m animals10 params | compare."""

import argparse
import json
from pathlib import Path
from typing import Any

from animals10 import comparison, errors, parameters, weights


def main() -> None:
    """Run the command that the arguments name."""
    parser = argparse.ArgumentParser(prog="python -m animals10", description=__doc__)
    parser.add_argument(
        "command",
        choices=["params", "compare"],
        help="params: check params.yaml; compare: print the table of models",
    )
    command = parser.parse_args().command
    if command == "params":
        weights.find(parameters.load().backbone.weights)
        print("params.yaml is valid")
    else:
        print(comparison.table(_metrics("evaluate"), _sizes()))


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
