"""Export the backbone as float16: in pretrain/, PYTHONPATH=../src python stages/export.py."""

from animals10 import errors

errors.guard_imports()  # the imports below take seconds

import hashlib
from pathlib import Path

import keras

from animals10 import artifacts, backbones, evaluation, parameters
from animals10.arrays import load_split
from animals10.inference import Predictor
from animals10.pretraining.exporting import write_half
from animals10.pretraining.parameters import Pretraining

WEIGHTS = Path("models/backbone.weights.h5")


def main() -> None:
    """Write models/backbone.weights.h5 and metrics.json."""
    params = parameters.read(Path("params.yaml"), Pretraining)
    held_out = load_split(Path("data/validation"))
    model = keras.saving.load_model("models/classifier.keras", safe_mode=True)
    scores = {"float32": evaluation.scores(evaluation.answer(Predictor(model), held_out))}
    write_half(WEIGHTS, params.backbone, model.get_layer("backbone"))
    # As the pipeline will load them.
    exported = backbones.build(params.backbone, params.image_size, WEIGHTS)
    halved = keras.Sequential([exported, *model.layers[1:]])
    scores["float16"] = evaluation.scores(evaluation.answer(Predictor(halved), held_out))
    content = WEIGHTS.read_bytes()
    file = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    artifacts.write_json(Path("metrics.json"), {"held_out": scores, "file": file})


if __name__ == "__main__":
    errors.run(main)
