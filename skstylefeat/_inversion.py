"""Inversion of a collection: cut into batches, spread over workers, finished codes kept."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.utils import gen_batches

from skstylefeat._cache import CodeCache
from skstylefeat._progress import progress_bar


def to_unit(images):
    """Bring network images (n, 3, H, W), nominally in [-1, 1], to (n, H, W, 3) in [0, 1]."""
    return ((images.transpose(0, 2, 3, 1) + 1) / 2).clip(0, 1)


@dataclass
class InversionJob:
    """All that decides the code of an image.

    Parameters
    ----------
    generator : Generator
        The generator.
    encoder : Encoder or None
        The encoder, None for ``method="optimize"``.
    method : {"encoder", "optimize", "hybrid"}
        How codes are found.
    in_w : bool, default=False
        Whether the optimisation finds one W vector for all layers.
    n_steps : int, default=None
        Steps of the optimisation.
    seed : int, default=0
        Seed of the optimisation's noise.
    cache_dir : path-like, default=None
        Folder of finished codes.
    """

    generator: Any
    encoder: Any
    method: str
    in_w: bool = False
    n_steps: int | None = None
    seed: int = 0
    cache_dir: Any = None

    def run(self, images, batch_size, *, n_jobs=None, verbose=0):
        """Return the W+ codes (n, n_ws, w_dim) of an `ImageCollection`."""
        cache = self._cache()
        batches = list(gen_batches(len(images), batch_size))
        parallel = Parallel(n_jobs=n_jobs, return_as="generator")
        parts = []
        with progress_bar(total=len(images), desc="inverting images", verbose=verbose) as bar:
            for part in parallel(delayed(_run_batch)(self, images[b], cache) for b in batches):
                parts.append(part)
                bar.update(len(part))
        return np.concatenate(parts)

    def _cache(self):
        if self.cache_dir is None:
            return None
        hashes = [x.weights_hash() for x in (self.generator, self.encoder) if x is not None]
        rest = replace(self, generator=None, encoder=None, cache_dir=None)
        if self.method == "encoder":
            rest = replace(rest, in_w=False, n_steps=None, seed=0)  # these change nothing
        shape = (self.generator.n_ws, self.generator.w_dim)
        return CodeCache(self.cache_dir, f"{hashes} {rest}", shape)

    def compute(self, images):
        """Return the codes of one batch, read here."""
        from skstylefeat.networks.inversion import invert

        start = None
        if self.method != "optimize":
            shown = images.read(self.encoder.input_size)
            start = self.encoder.encode(shown, generator=self.generator)
            if self.method == "encoder":
                return start
        pixels = images.read((self.generator.resolution,) * 2)
        return invert(
            self.generator.module,
            pixels,
            start,
            space="w" if self.in_w else "w+",
            n_steps=self.n_steps,
            seeds=[_content_seed(image, self.seed) for image in pixels],
        )


def _run_batch(job, images, cache):
    """Invert one batch; a function of the module, so that worker processes can run it."""
    if cache is None:
        return job.compute(images)
    size = job.encoder.input_size if job.encoder else (job.generator.resolution,) * 2
    keys = cache.keys(images.read(size))
    codes = [cache.get(key) for key in keys]
    missing = [i for i, code in enumerate(codes) if code is None]
    if missing:
        for i, code in zip(missing, job.compute(images[missing]), strict=True):
            cache.put(keys[i], code)
            codes[i] = code
    return np.stack(codes)


def _content_seed(image, seed):
    """Return a seed that depends on the image, not on its place, so that order changes nothing."""
    digest = hashlib.sha256(np.ascontiguousarray(image).tobytes() + str(seed).encode()).digest()
    return int.from_bytes(digest[:4], "little")
