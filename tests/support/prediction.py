"""Photos of two colors with a table of labels, and tiny networks, for fit and predict."""

import csv

import numpy as np
from PIL import Image

from tests.support.networks import made_images, tiny_generator


def write_photos(folder, n=30, seed=0):
    """Write n of the tiny generator's images as PNG files; return their mean brightness."""
    folder.mkdir(parents=True)
    generator = tiny_generator()
    images = made_images(generator, generator.mapping(generator.sample_z(n, random_state=seed)))
    for i, image in enumerate(images):
        Image.fromarray(np.rint(255 * image).astype(np.uint8)).save(folder / f"{i:02}.png")
    return images.mean(axis=(1, 2, 3))


def write_labels(path, brightness, n_labels=12):
    """Write labels of the first photos: a number and a class."""
    middle = np.median(brightness[:n_labels])
    rows = [
        [
            f"{i:02}.png",
            f"{100 * brightness[i]:.2f}",
            "bright" if brightness[i] > middle else "dark",
        ]
        for i in range(n_labels)
    ]
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([["file", "light", "tone"], *rows])
    return path


def read_rows(path):
    """Return the rows of a CSV file as dicts."""
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
