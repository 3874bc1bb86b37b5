"""Check parameters, and see what changed on disk: PYTHONPATH=src python stages/check.py.

Runs first and always. Parameters that are not allowed and files that are missing are refused before
an output is removed. DVC watches parameters but not what they name, so fetch runs again when what
is written here changed.
"""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

from animals10 import files, parameters
from animals10.data import inputs
from animals10.models import checks


def main() -> None:
    """Write what the inputs are, and what names on hubs meant."""
    params = parameters.load()
    recorded = inputs.read_recorded(inputs.RECORD, params)
    pins = inputs.read_json(inputs.PINS)
    found = checks.require(params, recorded, pins)
    if old := inputs.left_behind():
        print(
            "dvc.lock is of an earlier version of this pipeline, so that all stages run anew; "
            f"nothing reads {', '.join(old)} any more: remove it when you like"
        )
    kept = {key: recorded[key] for key in recorded.keys() - found.keys()}
    for key in sorted(kept):
        print(f"what {key} names is not here; what was read of it before is kept")
    if isinstance(preset := found.get("backbone.name"), str):
        pins[params.backbone.name] = preset
    files.write_json(inputs.PINS, pins)
    files.write_json(inputs.RECORD, kept | inputs.digests(found))


if __name__ == "__main__":
    errors.run(main)
