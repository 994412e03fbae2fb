"""A folder and an archive of small photos with a table of labels."""

import csv
import zipfile

import numpy as np
from PIL import Image


def write_labeled_photos(folder):
    """Write 60 files of 10 x 12 pixels in two colors, and their labels; return the folder."""
    rng = np.random.default_rng(0)
    rows = []
    (folder / "images" / "deep").mkdir(parents=True)
    for i in range(60):
        pixels = rng.integers(0, 60, size=(12, 10, 3), dtype=np.uint8)
        pixels[..., i % 2] += np.uint8(100 + i)
        name = f"deep/{i:02}.png" if i % 3 else f"{i:02}.png"
        Image.fromarray(pixels).save(folder / "images" / name)
        rows.append([f"{i:02}.png", ["red", "green"][i % 2], i * 1.5, i // 4])
    with open(folder / "labels.csv", "w", newline="") as file:
        csv.writer(file).writerows([["file", "color", "number", "who"], *rows])
    with zipfile.ZipFile(folder / "images.zip", "w") as archive:
        for path in sorted((folder / "images").rglob("*.png")):
            archive.write(path, path.relative_to(folder / "images").as_posix())
    return folder
