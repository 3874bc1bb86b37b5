"""Small presets of KerasHub with random weights."""

import json
from pathlib import Path
from typing import Any

import keras

SCALE, OFFSET = [0.0171, 0.0175, 0.0174], [-2.12, -2.04, -1.80]
_TOKENS = {"num_layers": 3, "hidden_dim": 16, "num_heads": 2}
FAMILIES: dict[str, dict[str, Any]] = {
    "DINOV2": _TOKENS
    | {
        "patch_size": 14,
        "intermediate_dim": 32,
        "num_register_tokens": 1,
        "image_shape": (70, 70, 3),
        "position_embedding_shape": (70, 70, 3),
    },
    "DINOV3": _TOKENS | {"patch_size": 16, "intermediate_dim": 32, "image_shape": (64, 64, 3)},
    "ViT": _TOKENS | {"patch_size": 16, "mlp_dim": 32, "image_shape": (48, 48, 3)},
    "ResNet": {
        "input_conv_filters": [64],
        "input_conv_kernel_sizes": [3],
        "stackwise_num_filters": [64],
        "stackwise_num_blocks": [3],
        "stackwise_num_strides": [1],
        "block_type": "basic_block",
    },
    "EfficientNet": {
        "stackwise_width_coefficients": [1.0, 1.0],
        "stackwise_depth_coefficients": [1.0, 1.0],
        "stackwise_kernel_sizes": [3, 3],
        "stackwise_num_repeats": [1, 2],
        "stackwise_input_filters": [32, 16],
        "stackwise_output_filters": [16, 24],
        "stackwise_expansion_ratios": [1, 4],
        "stackwise_squeeze_and_excite_ratios": [0.25, 0.0],
        "stackwise_strides": [1, 2],
        "stackwise_block_types": ["v1", "fused"],
    },
}
SIZES = {
    "DINOV2": 56,
    "DINOV3": 48,
    "ViT": 48,
    "ResNet": 40,
    "EfficientNet": 40,
}  # pixels that tests take


def save(family: str, folder: Path) -> None:
    """Save a preset."""
    from keras_hub import layers, models

    keras.utils.set_random_seed(1)
    network = getattr(models, f"{family}Backbone")(**FAMILIES[family])
    network.save_to_preset(folder)
    size = FAMILIES[family].get("image_shape", (64, 64))[:2]
    converter = getattr(layers, f"{family}ImageConverter")
    converter(image_size=size, scale=SCALE, offset=OFFSET).save_to_preset(folder)


def edit(path: Path, **changes: Any) -> None:
    """Change a JSON object; None removes a key."""
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))
