"""Use an exported model without animals10: python use_onnx.py models/finetuned.onnx photo.jpg …

Needs onnxruntime, Pillow and NumPy alone. Odd files (CMYK, 16 bits, colour profiles) need more care
than here: src/animals10/images/decoding.py has it. ONNX Runtime reports to Microsoft which models
run; ORT_DISABLE_TELEMETRY=1 in the environment forbids it, as animals10 does.
"""

import json
import os
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

if len(sys.argv) < 3 or not os.path.isfile(sys.argv[1]):
    sys.exit(
        "give an exported model and photos: python use_onnx.py models/finetuned.onnx photo.jpg"
    )
model, *photos = sys.argv[1:]
session = onnxruntime.InferenceSession(model)
about = session.get_modelmeta().custom_metadata_map
classes, size = json.loads(about["classes"]), int(about["image_size"])

reference = np.load(model.removesuffix(".onnx") + ".reference.npz")  # drawn images and outputs
found, _ = session.run(["probabilities", "unfamiliarity"], {"image": reference["image"]})
if (error := np.abs(found - reference["probabilities"]).max()) > 1e-3:
    sys.exit(f"this machine computes other probabilities, by up to {error:.2g}")

for photo in photos:
    image = ImageOps.exif_transpose(Image.open(photo)).convert("RGB")
    pixels = np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))
    (row,), (odd,) = session.run(["probabilities", "unfamiliarity"], {"image": pixels[None]})
    unsure = row.max() < float(about["threshold"]) or odd > float(about["unfamiliarity_threshold"])
    print(photo, classes[row.argmax()], f"{row.max():.3f}", "unsure" if unsure else "")
