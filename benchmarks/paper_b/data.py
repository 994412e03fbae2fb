"""Images of both data sets in every form that the experiments of LARGE compare.

Three disjoint sets of images: those whose coarse labels teach the directions, those from which
exact values are drawn, and those on which everything is scored. Rendered faces come from
``make_faces``; photos of UTKFace are read where they lie, cropped by ``benchmarks/photos``.
"""

import sys
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from skstylefeat import StyleGANInverter
from skstylefeat._report.representation import psnr_of_latents
from skstylefeat.datasets import make_faces

SETS = ("teach", "pool", "test")
SEEDS = {"teach": 20, "pool": 21, "test": 22}
UNITS = {"yaw": "degrees", "pitch": "degrees", "smile": "share", "age": "years"}
#: Attributes that a mirror turns around; it leaves the others as they are.
TURNED = ("yaw",)
# Optimisation takes long, so fewer images are inverted that way, and in fewer steps than usual.
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

    def mean_codes(self, generator):
        """Return the mean over the layers of each code, (n, w_dim): the nearest code in W."""
        return self.codes.reshape(len(self), generator.n_ws, generator.w_dim).mean(axis=1)

    def pooled(self):
        """Return pixels at no more than 32 px a side, in rows."""
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
    """

    name: str
    sets: dict
    attributes: tuple
    inverter: StyleGANInverter

    @property
    def generator(self):
        """The generator behind the codes."""
        return self.inverter.generator_

    def values(self, attribute, which):
        """Return the exact values of a set."""
        return self.sets[which].values[attribute]

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


def load_data(args):
    """Return the data that ``--data`` names: "rendered", or the folder of the photos."""
    return _rendered(args.size) if args.data == "rendered" else _photos(args)


def _rendered(size):
    inverter, sets = None, {}
    for which in SETS:
        faces = make_faces(size, random_state=SEEDS[which])
        pixels = np.asarray(faces.images, dtype=np.float32)
        pixels = pixels / 255 if faces.images.dtype == np.uint8 else pixels
        inverter = inverter or StyleGANInverter().fit(pixels[:2])
        values = {name: np.asarray(faces.frame[name], dtype=np.float64) for name in UNITS}
        sets[which] = Images(pixels, inverter.transform(pixels), values)
    return Data("rendered", sets, tuple(UNITS), inverter)


def _photos(args):
    sys.path.append(str(Path(__file__).resolve().parents[1] / "photos"))
    from crops import load_photos

    photos = load_photos("utkface", folder=args.data, cache=args.cache)
    train, test = photos.rows("train"), photos.rows(args.split)
    rows = {"teach": train[: args.size], "pool": train[args.size : 2 * args.size]}
    rows["test"] = test[: args.size]
    inverter = StyleGANInverter(str(args.generator), str(args.encoder)).fit(photos.images[:2])
    ages = photos.frame["age"].to_numpy(np.float64)
    sets = {
        which: Images(
            np.asarray(photos.images[chosen], dtype=np.float32) / 255,
            inverter.transform(photos.images[chosen]),
            {"age": ages[chosen]},
        )
        for which, chosen in rows.items()
    }
    return Data("photos", sets, ("age",), inverter)
