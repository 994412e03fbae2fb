"""Images of both data sets in all representations compared in LARGE's experiments.

There are three disjoint sets of images: one gives the coarse labels for the directions, one the
exact values for the calibration, one is scored. Faces are rendered by ``make_faces``; photos of
UTKFace are cropped by ``benchmarks/photos``.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from skstylefeat import StyleGANInverter
from skstylefeat.datasets import make_faces
from skstylefeat.experiments import psnr_of_latents

SETS = ("teach", "pool", "test")
SEEDS = {"teach": 20, "pool": 21, "test": 22, "more": 23}
UNITS = {"yaw": "degrees", "pitch": "degrees", "smile": "share", "age": "years"}
#: Attributes that a mirror image reverses; it leaves the others unchanged.
TURNED = ("yaw",)
# Optimization takes long, so fewer images are inverted that way, and in fewer steps than usual.
N_INVERTED = {"teach": 150, "pool": 100, "test": 100}
N_STEPS = 60


@dataclass(frozen=True)
class Images:
    """One of the three sets.

    Attributes
    ----------
    pixels : ndarray of shape (n, H, W, 3), float32
        In [0, 1].
    codes : ndarray of shape (n, n_ws * w_dim), float32
        W+ rows of the encoder.
    values : dict of str to ndarray of shape (n,)
        Exact values by attribute.
    """

    pixels: np.ndarray
    codes: np.ndarray
    values: dict

    def __len__(self):
        return len(self.pixels)

    def __add__(self, other):
        return Images(
            np.concatenate([self.pixels, other.pixels]),
            np.concatenate([self.codes, other.codes]),
            {name: np.concatenate([row, other.values[name]]) for name, row in self.values.items()},
        )

    def first(self, n):
        """Return the first n images."""
        return Images(
            self.pixels[:n], self.codes[:n], {k: row[:n] for k, row in self.values.items()}
        )

    def mean_codes(self, generator):
        """Return the mean over the layers of each code, (n, w_dim): the nearest code in W."""
        return self.codes.reshape(len(self), generator.n_ws, generator.w_dim).mean(axis=1)

    def pooled(self):
        """Return pixels at no more than 32 px per side, in rows."""
        n, height, width, channels = self.pixels.shape
        k = max(height // 32, 1)
        blocks = self.pixels.reshape(n, height // k, k, width // k, k, channels)
        return blocks.mean(axis=(2, 4)).reshape(n, -1)


@dataclass(frozen=True, eq=False)
class Data:
    """All sets of one data set, and the networks that inverted them.

    Attributes
    ----------
    name : str
        "rendered" or "photos".
    sets : dict of str to Images
    attributes : tuple of str
    inverter : StyleGANInverter
        Fitted; its encoder made the codes.
    more : callable
        Takes n; returns n further images for directions, or fewer if there are not as many.
    """

    name: str
    sets: dict
    attributes: tuple
    inverter: StyleGANInverter
    more: Callable

    @property
    def generator(self):
        """The generator behind the codes."""
        return self.inverter.generator_

    def values(self, attribute, which):
        """Return the exact values of a set."""
        return self.sets[which].values[attribute]

    def taught_by(self, n):
        """Return the data with `n` images that teach: fewer, or with further ones."""
        teach = self.sets["teach"]
        teach = teach.first(n) if n <= len(teach) else teach + self.more(n - len(teach))
        return replace(self, sets=self.sets | {"teach": teach})

    def psnr(self):
        """Return the encoder's PSNR in dB on the test images."""
        test = self.sets["test"]
        return psnr_of_latents(self.inverter, test.codes, test.pixels)

    def mirrored(self, attribute):
        """Return the data whose codes and pixels are combined with those of the mirror images.

        The inverter's ``mirror`` combines the codes; pixels are combined alike, for the
        competitors.
        """
        mirror = "difference" if attribute in TURNED else "mean"
        sign = -1 if attribute in TURNED else 1
        inverter = StyleGANInverter(
            self.inverter.generator, self.inverter.encoder, mirror=mirror
        ).fit(self.sets["teach"].pixels[:2])
        sets = {
            which: replace(
                images,
                pixels=(images.pixels + sign * images.pixels[:, :, ::-1]) / 2,
                codes=inverter.transform(images.pixels),
            )
            for which, images in self.sets.items()
        }
        return replace(self, sets=sets, inverter=inverter)

    @cached_property
    def inversions(self):
        """Return the first codes of each set by method of inversion and set."""
        found = {}
        for method in ("encoder", "optimize", "hybrid"):
            inverter = StyleGANInverter(
                self.inverter.generator,
                self.inverter.encoder,
                method=method,
                n_steps=N_STEPS,
                random_state=0,
            ).fit(self.sets["teach"].pixels[:2])
            found[method] = {
                which: inverter.transform(self.sets[which].pixels[:n])
                for which, n in N_INVERTED.items()
            }
        return found


def to_unit(images):
    """Bring network images (n, 3, H, W) in [-1, 1] to (n, H, W, 3) in [0, 1]."""
    return ((images.transpose(0, 2, 3, 1) + 1) / 2).clip(0, 1)


def load_data(args):
    """Return the data that ``--data`` names: "rendered", or the folder of the photos."""
    return _rendered(args.size) if args.data == "rendered" else _photos(args)


def _rendered(size):
    def read(which, n):
        faces = make_faces(n, random_state=SEEDS[which])
        values = {name: np.asarray(faces.attributes[name], dtype=np.float64) for name in UNITS}
        return _images(inverter, faces.images, values)

    inverter = StyleGANInverter().fit(make_faces(2, random_state=SEEDS["teach"]).images)
    sets = {which: read(which, size) for which in SETS}
    return Data("rendered", sets, tuple(UNITS), inverter, lambda n: read("more", n))


def _photos(args):
    sys.path.append(str(Path(__file__).resolve().parents[1] / "photos"))
    from crops import load_photos

    photos = load_photos("utkface", folder=args.data, cache=args.cache)
    ages = photos.frame["age"].to_numpy(np.float64)

    def read(rows):
        return _images(inverter, photos.images[rows], {"age": ages[rows]})

    train, test = photos.rows("train"), photos.rows(args.split)
    inverter = StyleGANInverter(str(args.generator), str(args.encoder)).fit(photos.images[:2])
    further = train[2 * args.size :]
    rows = {"teach": train[: args.size], "pool": train[args.size : 2 * args.size]}
    rows["test"] = test[: args.size]
    sets = {which: read(chosen) for which, chosen in rows.items()}
    return Data("photos", sets, ("age",), inverter, lambda n: read(further[:n]))


def _images(inverter, pixels, values):
    pixels = np.asarray(pixels, dtype=np.float32) / 255
    return Images(pixels, inverter.transform(pixels), values)
