"""An embedded data set: ten animals drawn by the project's own code, no download needed."""

from animals10_sample.scene import CLASSES, draw

__all__ = ["CLASSES", "draw"]
