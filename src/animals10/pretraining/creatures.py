"""Invented creatures: a species is a body plan with random proportions, of the sample's parts.

The ten animals lend the parts that know no species (`animals10.drawing.parts`, `bodies`,
`coats`) and the scenes around them: no build, head, face or palette. What marks one of the
ten is left to it: wool, trunks, tusks, fan and hanging ears, combs, collars, udders, bushy tails,
butterflies' wings, eight legs, dog's and cat's way to sit. And what none of the ten has marks the
invented: every head has a crest or a beak, birds that stand are as tall as herons, and crawlers
have three parts or more.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from animals10.drawing.canvas import Creature
from animals10.pretraining.legged import crawler, upright, wader, walker
from animals10.pretraining.legless import carrier, flier, slider, swimmer

PLANS: tuple[Callable[[np.random.Generator], Creature], ...] = (
    walker,
    wader,
    crawler,
    upright,
    flier,
    swimmer,
    carrier,
    slider,
)


def invent(index: int, seed: int) -> Creature:
    """Invent a species.

    Args:
        index: number of the species, from 0; its body plan is the next in turn.
        seed: of everything that makes the species.

    Returns:
        A function that draws one creature of the species, as `animals10.drawing.scene.picture`
        takes it.
    """
    species = PLANS[index % len(PLANS)](np.random.default_rng([seed, index]))
    # Long necks and bodies need more room than the ten, for which the canvas was cut.
    return lambda canvas, rng: species(canvas.at(0, 0, scale=0.6), rng)
