"""The parameters of pretrain/params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from animals10.parameters import Augment, Block, Count, Share, Training


class Draw(Block):
    """How many creatures are drawn."""

    species: Annotated[int, Field(ge=2, le=10_000)]
    train: Count
    validation: Count


class Train(Training):
    """How the backbone is trained to tell them apart."""

    dropout: Share


class Pretraining(Block):
    """All of pretrain/params.yaml."""

    seed: Annotated[int, Field(ge=0, lt=2**32)]
    image_size: Annotated[int, Field(ge=32, le=1024)]
    backbone: Literal["EfficientNetB0"]  # the name of the committed file says so
    draw: Draw
    augment: Augment
    train: Train
