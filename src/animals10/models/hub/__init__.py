"""Presets of KerasHub as backbones: where they come from, what they say, and how they are built."""
