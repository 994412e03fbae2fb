"""Inversion of a collection in batches, on parallel workers, with a cache of finished codes."""

import warnings
from contextlib import closing, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from joblib import delayed, effective_n_jobs
from sklearn.utils import gen_batches

from skstylefeat._utils._batches import map_rows
from skstylefeat._utils._parallel import in_parallel, one_ahead
from skstylefeat._utils._progress import progress_bar
from skstylefeat._utils._user_line import warn_user
from skstylefeat.inversion._code_cache import CodeCache

# Part of every key of the cache; raise it when the same recipe gives other codes.
RECIPE_VERSION = 2
MAX_WARNINGS = 10


def is_code(codes):
    """Return a mask of the codes, (n, n_ws, w_dim), of images that could be read."""
    return np.isfinite(codes[:, 0, 0])


class _ReadBatch(NamedTuple):
    """Images of one batch in memory: pixels (n, H, W, 3) of the readable ones by size, faults."""

    views: dict
    faults: list


class _BatchResult(NamedTuple):
    """Result of one batch: codes (NaN for unreadable images), faults, texts of warnings."""

    codes: np.ndarray
    faults: list
    warnings: list


@dataclass
class InversionJob:
    """Everything that determines the code of an image, and the handling of faults.

    Parameters
    ----------
    generator : Generator
        The generator.
    encoder : Encoder or None
        The encoder, None for ``method="optimize"``.
    method : {"encoder", "optimize", "hybrid"}
        Method of inversion.
    in_w : bool, default=False
        Whether the optimization finds one W vector for all layers.
    n_steps : int, default=None
        Steps of the optimization.
    perceptual : PerceptualNetwork, default=None
        Network in whose features the optimization compares images.
    mirrored : bool, default=False
        Whether each image is first turned left to right.
    cache_dir : path-like, default=None
        Folder of finished codes.
    on_error : {"raise", "nan"}, default="raise"
        Whether an unreadable image ends the job.
    device : str, default=None
        Torch device in every worker, "auto" for the best one that it has. By default the networks
        stay on their device, which in another process is the CPU.
    """

    generator: Any
    encoder: Any
    method: str
    in_w: bool = False
    n_steps: int | None = None
    perceptual: Any = None
    mirrored: bool = False
    cache_dir: Any = None
    on_error: str = "raise"
    device: str | None = None
    # Largest batch that memory holds, once a larger one did not fit.
    max_rows: int | None = None

    def run(self, images, batch_size, *, n_jobs=None, verbose=0):
        """Invert an `ImageCollection`.

        Returns
        -------
        codes : ndarray of shape (n, n_ws, w_dim), float32
            Codes in W+; NaN for unreadable images.
        faults : list of Fault
            The unreadable images, by row of `images`.
        """
        # Processes that share a cache take the batches in different orders, and so share the work.
        cache = self._cache()
        batches = list(gen_batches(len(images), batch_size))
        if cache is not None:
            cache.remove_unfinished()
            batches = [batches[i] for i in np.random.default_rng().permutation(len(batches))]
        codes = np.empty((len(images), self.generator.n_ws, self.generator.w_dim), np.float32)
        faults, log = [], _WarningLog()

        # Workers read their own batches. In this process, a thread reads the next batch while the
        # encoder runs; compared with an optimization, reading takes no time.
        parts = (images[rows] for rows in batches)
        if self.method == "encoder" and effective_n_jobs(n_jobs) == 1:
            reader = closing(one_ahead(self._read, parts))
            tasks = (delayed(_invert_batch)(self, part, cache) for part in reader.thing)
        else:
            reader = nullcontext()
            tasks = (delayed(_run_batch)(self, part, cache) for part in parts)
        bar = progress_bar(
            total=len(images), desc="inverting images", verbose=verbose, unit="image"
        )
        with reader, in_parallel(tasks, n_jobs) as results, bar:
            for rows, part in zip(batches, results, strict=True):
                log.warn(part.warnings)
                if part.faults and self.on_error == "raise":
                    raise part.faults[0].error
                codes[rows] = part.codes
                faults += [f._replace(row=rows.start + f.row) for f in part.faults]
                bar.update(len(part.codes))
        log.close()
        return codes, sorted(faults, key=lambda fault: fault.row)

    def sizes(self):
        """Return the sizes (height, width) at which the method sees an image."""
        sizes = [] if self.encoder is None else [tuple(self.encoder.input_size)]
        if self.method != "encoder":
            sizes.append(self.generator.image_size)
        return list(dict.fromkeys(sizes))

    def _read(self, images):
        """Return the pixels of a batch by size, and its faults."""
        # Files are decoded once to find those that are unreadable.
        first, *others = self.sizes()
        pixels, faults = images.try_read(first)
        views = {first: pixels}
        if len(pixels):
            good = np.setdiff1d(np.arange(len(images)), [fault.row for fault in faults])
            views |= {size: images[good].read(size) for size in others}
        if self.mirrored:
            views = {size: np.ascontiguousarray(x[:, :, ::-1]) for size, x in views.items()}
        return _ReadBatch(views, faults)

    def compute(self, views, warn=warnings.warn, keep=None):
        """Return the codes of one batch, given its pixels (n, H, W, 3) by size.

        ``keep(rows, codes)`` is called as soon as some codes are finished.
        """
        n = len(next(iter(views.values())))
        if self.device is not None:
            self.generator = self.generator.to(self.device)
            self.encoder = None if self.encoder is None else self.encoder.to(self.device)
            if self.perceptual is not None:
                self.perceptual = self.perceptual.to(self.device)

        def step(rows):
            codes = self._compute({size: pixels[rows] for size, pixels in views.items()})
            if keep is not None:
                keep(rows, codes)
            return codes

        parts, size = map_rows(step, n, self.max_rows, warn)
        if size < n:
            self.max_rows = size  # so that later batches of this process do not run out again
        return np.concatenate(parts)

    def _compute(self, views):
        from skstylefeat.networks.optimization._optimize import invert

        start = None
        if self.method != "optimize":
            pixels = views[tuple(self.encoder.input_size)]
            start = self.encoder.encode(pixels, generator=self.generator)
            if self.method == "encoder":
                return start

        pixels = views[self.generator.image_size]
        return invert(
            self.generator.module,
            pixels,
            start,
            space="w" if self.in_w else "w+",
            n_steps=self.n_steps,
            perceptual=self.perceptual,
        )

    def _cache(self):
        if self.cache_dir is None:
            return None
        hashes = [x.weights_hash() for x in (self.generator, self.encoder) if x is not None]
        recipe = [RECIPE_VERSION, self.method, *hashes]
        if self.method != "encoder":  # with which the following have no effect
            recipe += ["w" if self.in_w else "w+", self.n_steps]
            recipe += [] if self.perceptual is None else [self.perceptual.weights_hash()]
        shape = (self.generator.n_ws, self.generator.w_dim)
        return CodeCache(self.cache_dir, repr(recipe), shape)


def _run_batch(job, images, cache):
    """Read and invert one batch; at module level, so that worker processes can run it."""
    return _invert_batch(job, job._read(images), cache)


def _invert_batch(job, batch, cache):
    """Invert a batch that is in memory."""
    n_good, texts = len(next(iter(batch.views.values()))), []
    n_images = n_good + len(batch.faults)
    codes = np.full((n_images, job.generator.n_ws, job.generator.w_dim), np.nan, np.float32)
    if n_good:
        good = np.setdiff1d(np.arange(n_images), [fault.row for fault in batch.faults])
        codes[good] = _codes(job, batch.views, cache, texts.append)
    return _BatchResult(codes, batch.faults, texts)


def _codes(job, views, cache, warn):
    """Return the codes of readable images, from the cache if it holds them."""
    if cache is None:
        return job.compute(views, warn)
    keys = [cache.key(*image) for image in zip(*views.values(), strict=True)]
    codes = [cache.get(key, warn) for key in keys]
    missing = [i for i, code in enumerate(codes) if code is None]

    def keep(rows, computed):
        for i, code in zip(missing[rows], computed, strict=True):
            cache.put(keys[i], code, warn)
            codes[i] = code

    if missing:
        job.compute({size: x[missing] for size, x in views.items()}, warn, keep)
    return np.stack(codes)


class _WarningLog:
    """Warnings of the workers, each issued once and at most `MAX_WARNINGS` of them.

    Workers return the texts, because a warning in another process would not be seen here.
    """

    def __init__(self):
        self._issued, self._n_omitted = set(), 0

    def warn(self, texts):
        """Issue the warnings that are new."""
        for text in texts:
            if text in self._issued:
                continue
            if len(self._issued) == MAX_WARNINGS:
                self._n_omitted += 1
                continue
            self._issued.add(text)
            warn_user(text)

    def close(self):
        """Report how many warnings were omitted."""
        if self._n_omitted:
            text = f"{self._n_omitted} further warnings of this job."
            warn_user(text)
