"""Sources of representations: pooled maps or rows of every image.

The images are inverted and pooled once; ``features.npz`` in the folder of the run keeps the result
for the next script, and is recomputed if images or weights have changed.
"""

import hashlib
from dataclasses import dataclass, field

import numpy as np
import torch
from comparators import MEAN, STD, TRAINED, load_comparator, random_network
from data import Collection, collection_name, load_collection, runs_folder
from names import TITLES
from torch import nn

from skstylefeat import StyleGANInverter
from skstylefeat.experiments import (
    draw_per_class,
    level_maps,
    pixel_components,
    psnr_of_latents,
)
from skstylefeat.features import ChannelMISelector, FeatureMaps, HOGDescriptor
from skstylefeat.latents import w_plus_to_s
from skstylefeat.networks import load_perceptual

MODES = {"max": np.max, "mean": np.mean}
# Channels are chosen by labels of a reserve of images, whose maps are held in memory: so many
# random images, and so many of every class.
RESERVE, RESERVE_PER_CLASS = 150, 20
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


@dataclass(frozen=True)
class Source:
    """One representation of all images.

    Attributes
    ----------
    name : str
    pool, test : dict of str to ndarray of shape (n, d)
        By mode of pooling; rows without maps are stored as "max".
    maps : FeatureMaps or None
        Maps of the reserve; None for rows.
    """

    name: str
    pool: dict
    test: dict
    maps: FeatureMaps | None = None

    @property
    def levels(self):
        """The maxima of all channels as maps of one cell, of pool and test."""
        return [level_maps(half["max"], self.maps.layers) for half in (self.pool, self.test)]

    def select(self, y, bench, n_per_class, rng, **parameters):
        """Return the labeled rows and the mask of the kept columns."""
        rows = draw_per_class(y[bench.reserve], n_per_class, rng)
        labeled = bench.reserve[rows]
        if self.maps is None:
            return labeled, np.ones(self.pool["max"].shape[1], dtype=bool)
        selector = ChannelMISelector(n_samples_per_class=None, **parameters)
        return labeled, selector.fit(self.maps[rows], y[labeled]).get_support()


@dataclass(frozen=True)
class Bench:
    """Images, labels and all their representations.

    Attributes
    ----------
    collection : Collection
    sources : dict of str to Source
        Sources for clustering.
    plain, mirrored : dict of str to Source
        Sources for regression: W+ and S codes, components of pixels, gradients (HOG), S codes next
        to these, and maxima of channels; of the image, and the mean over image and mirror image.
    reserve : ndarray of int
        Rows of the pool from which labels for the choice of channels are drawn.
    facts : dict
        Networks and data.
    """

    collection: Collection
    sources: dict
    plain: dict
    mirrored: dict
    reserve: np.ndarray
    facts: dict = field(default_factory=dict)


def add_source_arguments(parser):
    """Add the options for the compared networks."""
    parser.add_argument(
        "--compare", nargs="*", choices=(*TRAINED, "random"), default=(*TRAINED, "random")
    )
    for name in IMAGENET_NETWORKS:
        parser.add_argument(f"--{name}", metavar="FILE", help=f"weights of {TITLES[name]}")


def make_bench(args):
    """Read images, invert them and compute every representation. No label is read.

    Parameters
    ----------
    args : argparse.Namespace
        Arguments of `add_data_arguments` and `add_source_arguments`.

    Returns
    -------
    Bench
    """
    folder = runs_folder(args)
    collection = load_collection(args)
    inverter = StyleGANInverter(args.generator, args.encoder, random_state=0)
    inverter.fit(collection.pool)
    generator = inverter.generator_
    reserve = _reserve(collection)
    networks, facts = _networks(args, generator.resolution, folder)
    digest = hashlib.sha256(f"{list(networks)} {generator.weights_hash()}".encode())
    digest.update(inverter.encoder_.weights_hash().encode())
    digest.update(repr(sorted(facts.items())).encode())
    for images in collection[:2]:
        digest.update(np.ascontiguousarray(images))
    arrays = _cached(folder / "features.npz", digest.hexdigest(), collection, inverter, networks)

    sources = {}
    for name in ("stylegan", *networks):
        pool, test = ({m: arrays[f"{name}-{half}-{m}"] for m in MODES} for half in ("pool", "test"))
        if name == "stylegan":
            maps = FeatureMaps.from_latents(arrays["codes-pool-max"][reserve], generator)
        else:
            maps = _module_maps(networks[name], collection.pool[reserve])
        sources[name] = Source(name, pool, test, _in_memory(maps))
    for name in ("codes", "pca"):
        sources[name] = _rows(name, arrays)
    plain = dict(sources)
    mirrored = {name: _rows(f"{name} mirror", arrays) for name in sources}
    for found, mirror in ((plain, None), (mirrored, "mean")):
        found["styles"] = _styles(found["codes"], generator)
        found["hog"] = _gradients(collection, mirror)
        found["union"] = _union(found["styles"], found["hog"])
    facts |= {
        "images": collection_name(args),
        "pool": len(collection.pool),
        "test": len(collection.test),
        "generator": f"{generator.name}, SHA-256 {generator.sha256}",
        "encoder": f"{inverter.encoder_.name}, SHA-256 {inverter.encoder_.sha256}",
        "PSNR": f"{float(arrays['psnr']):.1f} dB",
    }
    return Bench(collection, sources, plain, mirrored, reserve, facts)


def _rows(name, arrays):
    return Source(name, *({"max": arrays[f"{name}-{half}-max"]} for half in ("pool", "test")))


def _styles(codes, generator):
    halves = (codes.pool["max"], codes.test["max"])
    pool, test = ({"max": w_plus_to_s(half, generator)} for half in halves)
    return Source("styles", pool, test)


def _gradients(collection, mirror):
    descriptor = HOGDescriptor(mirror=mirror).fit(collection.pool[:1])
    pool, test = ({"max": descriptor.transform(half)} for half in collection[:2])
    return Source("hog", pool, test)


def _union(styles, gradients):
    halves = zip((styles.pool, styles.test), (gradients.pool, gradients.test), strict=True)
    pool, test = ({"max": np.concatenate([x["max"], y["max"]], axis=1)} for x, y in halves)
    return Source("union", pool, test)


def _reserve(collection):
    rows = [np.arange(min(RESERVE, len(collection.pool)))]
    for target in collection.targets:
        for value in np.unique(target.y_train):
            rows.append(np.flatnonzero(target.y_train == value)[:RESERVE_PER_CLASS])
    return np.unique(np.concatenate(rows))


def _networks(args, resolution, folder):
    """Return networks with layers and preprocessing, and descriptions, both by name."""
    own = {"mean": MEAN, "std": STD}
    networks, facts = {}, {}
    for name in (name for name in TRAINED if name in args.compare):
        model, seen = load_comparator(name, resolution, folder)
        networks[name] = (model, model.layers, own)
        facts[name] = (
            f"{seen['minutes']:g} processor minutes, {seen['images_seen']} images seen of "
            f"{seen['images']}, {seen['parameters']} parameters"
        )
    if "random" in args.compare:
        random = random_network(resolution)
        networks["random"] = (random, random.layers, own)
    for name, read in IMAGENET_NETWORKS.items():
        path = getattr(args, name)
        if path:
            networks[name] = read(path)
            facts[name] = "trained on ImageNet with labels"
    return networks, facts


class VGGMaps(nn.Module):
    """VGG16 whose last maps at each size can be read by name."""

    layers = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")

    def __init__(self, path):
        super().__init__()
        self.vgg = load_perceptual(path).module
        for name in self.layers:
            self.add_module(name, nn.Identity())

    def forward(self, x):
        """Pass every map through the module with its name."""
        for name, maps in zip(self.layers, self.vgg(x), strict=True):
            self.get_submodule(name)(maps)


def vgg16(path):
    """Return network, layers and preprocessing of a file of torchvision's weights."""
    model = VGGMaps(path)
    return model.eval(), model.layers, {"input_size": (224, 224), **IMAGENET}


def inception(path):
    """Return network, layers and preprocessing of a file of torchvision's weights."""
    try:
        from torchvision import models
    except ImportError as error:
        raise ImportError(
            "--inception needs torchvision. Install it or leave out --inception."
        ) from error
    # Its weights need images in [-1, 1]; transform_input converts images normalized for ImageNet.
    model = models.inception_v3(weights=None, transform_input=True, init_weights=False)
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    layers = ("Conv2d_2b_3x3", "Mixed_5d", "Mixed_6e", "Mixed_7c")
    return model.eval(), layers, {"input_size": (299, 299), **IMAGENET}


IMAGENET_NETWORKS = {"vgg16": vgg16, "inception": inception}


def _module_maps(network, images):
    model, layers, preprocessing = network
    return FeatureMaps.from_module(model, images, layers, **preprocessing)


def _in_memory(maps):
    parts = {layer.name: [] for layer in maps.layers}
    for _, batch in maps.batches():
        for name, values in batch.items():
            parts[name].append(values)
    return FeatureMaps.from_arrays({name: np.concatenate(x) for name, x in parts.items()})


def _cached(path, key, collection, inverter, networks):
    """Return all pooled maps and rows by name, half and mode."""
    if path.is_file():
        with np.load(path) as stored:
            if str(stored["key"]) == key:
                return dict(stored)
    arrays = {"key": key}
    pixels = [images / np.float32(255) for images in collection[:2]]
    means = [(x + x[:, :, ::-1]) / 2 for x in pixels]
    for name, halves in (("pca", pixels), ("pca mirror", means)):
        rows = pixel_components(*halves)
        arrays[f"{name}-pool-max"], arrays[f"{name}-test-max"] = rows
    for half, images in zip(("pool", "test"), collection[:2], strict=True):
        codes = inverter.transform(images)
        arrays[f"codes-{half}-max"] = codes
        turned_images = np.ascontiguousarray(images[:, :, ::-1])
        turned = inverter.transform(turned_images)
        arrays[f"codes mirror-{half}-max"] = (codes + turned) / 2
        sets = {"stylegan": FeatureMaps.from_latents(codes, inverter.generator_)}
        sets |= {name: _module_maps(network, images) for name, network in networks.items()}
        for name, maps in sets.items():
            for mode, pooled in zip(MODES, _pool_all(maps), strict=True):
                arrays[f"{name}-{half}-{mode}"] = pooled
        sets = {"stylegan": FeatureMaps.from_latents(turned, inverter.generator_)}
        sets |= {x: _module_maps(network, turned_images) for x, network in networks.items()}
        for name, maps in sets.items():
            maxima = (arrays[f"{name}-{half}-max"] + maps.pool()) / 2
            arrays[f"{name} mirror-{half}-max"] = maxima
        if half == "test":
            arrays["psnr"] = psnr_of_latents(inverter, codes, images / 255.0)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)
    return arrays


def _pool_all(maps):
    """Return the pooled maps of every mode, from one pass over the network."""
    parts = {mode: [] for mode in MODES}
    for _, batch in maps.batches():
        for mode, pool in MODES.items():
            pooled = [pool(batch[x.name], axis=(2, 3)) for x in maps.layers]
            parts[mode].append(np.concatenate(pooled, axis=1).astype(np.float32, copy=False))
    return [np.concatenate(parts[mode]) for mode in MODES]
