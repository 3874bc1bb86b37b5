"""The table of the ten animals: Animals-10's Italian name to the function that draws it.

Each function draws onto a canvas with the animal standing on y = 0 around x = 0, at most about
2.6 units wide and 2.3 high, and returns how a scene is to place it.
"""

from __future__ import annotations

from animals10_sample.canvas import Creature
from animals10_sample.critters import butterfly, chicken, spider
from animals10_sample.mammals import cat, cow, dog, elephant, horse, sheep, squirrel

ANIMALS: dict[str, Creature] = {
    "cane": dog,
    "cavallo": horse,
    "elefante": elephant,
    "farfalla": butterfly,
    "gallina": chicken,
    "gatto": cat,
    "mucca": cow,
    "pecora": sheep,
    "ragno": spider,
    "scoiattolo": squirrel,
}
