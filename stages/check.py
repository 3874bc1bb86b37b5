"""Check parameters, and see what changed on disk: PYTHONPATH=src python stages/check.py.

Runs first and always: what a later stage would refuse is refused before an output is removed, and
DVC, which watches parameters but not what they name, runs fetch again when photos changed.
"""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

from pathlib import Path

from animals10 import artifacts, inputs, parameters


def main() -> None:
    """Write data/_stages/check/inputs.json."""
    found = inputs.require(parameters.load())
    artifacts.write_json(Path("data/_stages/check/inputs.json"), inputs.digests(found))


if __name__ == "__main__":
    errors.run(main)
