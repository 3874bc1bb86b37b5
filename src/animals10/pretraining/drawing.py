"""The pictures that the backbone is pre-trained on."""

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import repeat
from pathlib import Path

import numpy as np
from tqdm import tqdm

from animals10 import artifacts
from animals10.drawing.scene import picture
from animals10.pretraining.creatures import invent


def draw_split(folder: Path, number: int, species: int, count: int, size: int, seed: int) -> None:
    """Draw the same number of creatures of each species, on all cores.

    Writes `images.npy`, uint8 of shape (species x count, size, size, 3), and `labels.npy`, int64,
    as `arrays.load_split` reads them.

    Args:
        folder: where to write.
        number: of the split; no two splits share a picture.
        species: number of species.
        count: pictures of each.
        size: side in pixels.
        seed: of species and pictures.
    """
    shape = (species * count, size, size, 3)
    draw = partial(_draw_species, number=number, count=count, size=size, seed=seed)
    with (
        artifacts.replacing(folder / "images.npy") as temporary,
        ProcessPoolExecutor() as pool,
    ):
        images = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
        drawn = pool.map(draw, range(species))
        for index, pictures in enumerate(tqdm(drawn, folder.name, species, disable=None)):
            images[index * count : (index + 1) * count] = pictures
        images.flush()
    labels = np.repeat(np.arange(species), count)
    artifacts.write_array(folder / "labels.npy", labels)


def _draw_species(species: int, number: int, count: int, size: int, seed: int) -> np.ndarray:
    creature = invent(species, seed)
    generators = (np.random.default_rng([seed, species, number, index]) for index in range(count))
    return np.stack(list(map(picture, repeat(creature), generators, repeat(size))))
