"""From a folder of images to clusters: inversion, features, `ClusterAnnotator`."""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from sklearn.utils import gen_batches

from skstylefeat._utils._progress import progress_bar
from skstylefeat.annotation._annotator import ClusterAnnotator
from skstylefeat.features._selector import ChannelMISelector
from skstylefeat.inversion._inverter import StyleGANInverter
from skstylefeat.labeling._grouping import Grouping

_POOLED_AT_ONCE = 256  # images between two steps of the progress bar
_FEWEST_SELECTING = 2  # labeled images of a class that tell anything about its channels


@dataclass(frozen=True)
class Preparation:
    """How images become clusters; everything that decides which clusters there are.

    Attributes
    ----------
    generator, encoder : str
        Of `StyleGANInverter`; "train" trains an encoder, which is kept.
    train_steps : int
        Steps of that training.
    features : {"maps", "selected", "codes"}
        The maximum of every channel's map; the same of the channels that labels choose; or
        the latent codes.
    n_clusters, n_annotations, n_labels, query
        Of `ClusterAnnotator`.
    random_state : int
    """

    generator: str = "faces64"
    encoder: str = "auto"
    train_steps: int = 1000
    features: str = "maps"
    n_clusters: int | None = None
    n_annotations: int = 3
    n_labels: int | None = None
    query: str = "random"
    random_state: int = 0


def enough_to_select(labels):
    """Tell whether labels by file can choose channels: two images each of two classes."""
    counts = np.unique(list(labels.values()), return_counts=True)[1]
    return int((counts >= _FEWEST_SELECTING).sum()) >= 2


def prepare(images, settings, work, *, labels=None, device="auto", verbose=1):
    """Invert the images of a folder, make features and cluster them.

    Parameters
    ----------
    images : ImageFolder
    settings : Preparation
    work : path-like
        Folder that keeps finished codes and a trained encoder, so that a killed preparation goes
        on where it was.
    labels : dict of str to str or None, default=None
        Labels by file that choose channels, for ``features="selected"``.
    device : str, default="auto"
    verbose : int, default=1
        Whether to show progress.

    Returns
    -------
    Grouping

    Raises
    ------
    ValueError
        If labels are too few to choose channels, or there are fewer images than clusters.
    """
    if settings.features == "selected" and not enough_to_select(labels or {}):
        raise ValueError(
            "--features selected chooses channels by labeled images and needs 2 of each of 2 "
            "classes at least. Give more by --labels, or take --features maps."
        )
    work = Path(work)
    inverter = _inverter(images, settings, work, device, verbose)
    if settings.features == "codes":
        rows = inverter.transform(images.paths)
    else:
        maps = inverter.set_params(output="features").transform(images.paths)
        if settings.features == "selected":
            maps = _select(maps, images, labels, settings.random_state)
        rows = _pool(maps, verbose)
    annotator = ClusterAnnotator(
        settings.n_clusters,
        settings.n_annotations,
        n_labels=settings.n_labels,
        query=settings.query,
        random_state=settings.random_state,
    ).fit(rows)
    return Grouping(
        [list(pair) for pair in zip(images.names, images.sizes, strict=True)],
        rows,
        annotator.labels_,
        annotator.query_indices_,
        asdict(settings),
    )


def _inverter(images, settings, work, device, verbose):
    """Return a fitted inverter; an encoder that it trains is kept for the next time."""
    encoder = settings.encoder
    kept = work / f"encoder-{_training_key(settings)}.safetensors"
    if encoder == "train" and kept.exists():
        encoder = str(kept)
    inverter = StyleGANInverter(
        settings.generator,
        encoder,
        n_train_steps=settings.train_steps,
        device=device,
        cache_dir=work / "codes",
        random_state=settings.random_state,
        verbose=verbose,
    ).fit(images.paths)
    if encoder == "train":
        from skstylefeat.networks.checkpoints._safetensors import save_network

        work.mkdir(parents=True, exist_ok=True)
        unfinished = kept.with_name(kept.name + ".part")
        save_network(inverter.encoder_.module, unfinished, inverter.encoder_.card)
        unfinished.replace(kept)
    return inverter


def _training_key(settings):
    what = (settings.generator, settings.train_steps, settings.random_state)
    return hashlib.sha256(repr(what).encode()).hexdigest()[:8]


def _select(maps, images, labels, random_state):
    y = np.full(len(images), None, dtype=object)
    classes, counts = np.unique(list(labels.values()), return_counts=True)
    telling = set(classes[counts >= _FEWEST_SELECTING].tolist())
    for name, label in labels.items():
        if images.row(name) is not None and label in telling:
            y[images.row(name)] = label
    return ChannelMISelector(random_state=random_state).fit(maps, y).transform(maps)


def _pool(maps, verbose):
    parts = []
    with progress_bar(total=len(maps), desc="feature maps", verbose=verbose) as bar:
        for rows in gen_batches(len(maps), _POOLED_AT_ONCE):
            parts.append(maps[rows].pool())
            bar.update(len(parts[-1]))
    return np.concatenate(parts)
