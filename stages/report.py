"""Write what all stages found onto one page: PYTHONPATH=src python stages/report.py."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds


from animals10 import files, parameters
from animals10.reporting import found, report
from animals10.tracking.record import stage_run
from animals10.training import execution


def main() -> None:
    """Write report.html and report.md into data/_stages/report."""
    params = parameters.load()
    about = {
        "seed": params.seed,
        "acceleration": params.acceleration,
        "backbone.name": params.backbone.name,
    }
    execution.seed_everything(params.seed)
    with stage_run("report"):
        report.write(found.read(), about, files.STAGES / "split", files.STAGES / "report")


if __name__ == "__main__":
    errors.run(main)
