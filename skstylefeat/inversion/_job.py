"""Inversion of a collection: cut into batches, spread over workers, finished codes kept."""

import warnings
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from joblib import delayed
from sklearn.utils import gen_batches

from skstylefeat._utils._batches import map_rows
from skstylefeat._utils._parallel import in_parallel
from skstylefeat._utils._progress import progress_bar
from skstylefeat.inversion._code_cache import CodeCache

# Part of every key of the cache; to be raised when the same recipe gives other codes.
RECIPE_VERSION = 2
MAX_WARNINGS = 10


def is_code(codes):
    """Which codes (n, n_ws, w_dim) are of images that could be read."""
    return np.isfinite(codes[:, 0, 0])


class _Done(NamedTuple):
    """What a worker returns of a batch: codes (NaN where there is none), faults, remarks."""

    codes: np.ndarray
    faults: list
    remarks: list


@dataclass
class InversionJob:
    """All that decides the code of an image, and how faults are met.

    Parameters
    ----------
    generator : Generator
        The generator.
    encoder : Encoder or None
        The encoder, None for ``method="optimize"``.
    method : {"encoder", "optimize", "hybrid"}
        How codes are found.
    in_w : bool, default=False
        Whether the optimization finds one W vector for all layers.
    n_steps : int, default=None
        Steps of the optimization.
    perceptual : PerceptualNetwork, default=None
        In whose features the optimization compares images.
    mirrored : bool, default=False
        Whether every image is turned left to right first.
    cache_dir : path-like, default=None
        Folder of finished codes.
    on_error : {"raise", "nan"}, default="raise"
        Whether an image that cannot be read ends the job.
    device : str, default=None
        Torch device in every worker, "auto" for the best one that it has. By default the networks
        stay where they are, which for those that arrive in another process is the CPU.
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
    # Rows that went through the network at once when memory ran out.
    fitting: int | None = None

    def run(self, images, batch_size, *, n_jobs=None, verbose=0):
        """Invert an `ImageCollection`.

        Returns
        -------
        codes : ndarray of shape (n, n_ws, w_dim), float32
            In W+; NaN where the image cannot be read.
        faults : list of Fault
            The images that cannot be read, by row of `images`.
        """
        cache = self._cache()
        batches = list(gen_batches(len(images), batch_size))
        if cache is not None:
            cache.sweep()
            # In an order of its own, so that processes that share a cache share the work too.
            batches = [batches[i] for i in np.random.default_rng().permutation(len(batches))]
        codes = np.empty((len(images), self.generator.n_ws, self.generator.w_dim), np.float32)
        faults, remarks = [], _Remarks()
        tasks = (delayed(_run_batch)(self, images[rows], cache) for rows in batches)
        bar = progress_bar(
            total=len(images), desc="inverting images", verbose=verbose, unit="image"
        )
        with in_parallel(tasks, n_jobs) as parts, bar:
            for rows, part in zip(batches, parts, strict=True):
                remarks.say(part.remarks)
                if part.faults and self.on_error == "raise":
                    raise part.faults[0].error
                codes[rows] = part.codes
                faults += [f._replace(row=rows.start + f.row) for f in part.faults]
                bar.update(len(part.codes))
        remarks.close()
        return codes, sorted(faults, key=lambda fault: fault.row)

    def sizes(self):
        """Return the sizes (height, width) at which the method sees an image."""
        shown = [] if self.encoder is None else [tuple(self.encoder.input_size)]
        if self.method != "encoder":
            shown.append((self.generator.resolution,) * 2)
        return list(dict.fromkeys(shown))

    def compute(self, views, say=warnings.warn, keep=None):
        """Return the codes of one batch, given its pixels (n, H, W, 3) by size.

        ``keep(rows, codes)`` is called as soon as some of them are finished.
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

        parts, size = map_rows(step, n, self.fitting, say)
        if size < n:
            self.fitting = size  # further batches of this process need not try again
        return np.concatenate(parts)

    def _compute(self, views):
        from skstylefeat.networks.optimization._optimize import invert

        start = None
        if self.method != "optimize":
            shown = views[tuple(self.encoder.input_size)]
            if self.method == "encoder":
                return self.encoder.encode(shown, generator=self.generator)
            # One by one, because the optimization multiplies what rounding a batch brings.
            singles = (shown[i : i + 1] for i in range(len(shown)))
            start = np.concatenate(
                [self.encoder.encode(image, generator=self.generator) for image in singles]
            )
        pixels = views[(self.generator.resolution,) * 2]
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
        if self.method != "encoder":  # where these change nothing
            recipe += ["w" if self.in_w else "w+", self.n_steps]
            recipe += [] if self.perceptual is None else [self.perceptual.weights_hash()]
        shape = (self.generator.n_ws, self.generator.w_dim)
        return CodeCache(self.cache_dir, repr(recipe), shape)


def _run_batch(job, images, cache):
    """Invert one batch; a function of the module, so that worker processes can run it."""
    sizes, remarks = job.sizes(), []
    pixels, faults = images.try_read(sizes[0])
    good = np.setdiff1d(np.arange(len(images)), [fault.row for fault in faults])
    views = {sizes[0]: pixels}
    codes = np.full((len(images), job.generator.n_ws, job.generator.w_dim), np.nan, np.float32)
    if len(good):
        views |= {size: images[good].read(size) for size in sizes[1:]}
        if job.mirrored:
            views = {size: np.ascontiguousarray(x[:, :, ::-1]) for size, x in views.items()}
        codes[good] = _codes(job, views, cache, remarks.append)
    return _Done(codes, faults, remarks)


def _codes(job, views, cache, say):
    """Return the codes of images that are all readable, from the cache where they are there."""
    if cache is None:
        return job.compute(views, say)
    keys = [cache.key(*image) for image in zip(*views.values(), strict=True)]
    codes = [cache.get(key, say) for key in keys]
    missing = [i for i, code in enumerate(codes) if code is None]

    def keep(rows, found):
        for i, code in zip(missing[rows], found, strict=True):
            cache.put(keys[i], code, say)
            codes[i] = code

    if missing:
        job.compute({size: x[missing] for size, x in views.items()}, say, keep)
    return np.stack(codes)


class _Remarks:
    """What workers have to say, once each and not more than a screen of it.

    Workers return their remarks: a warning raised in another process would not be seen here.
    """

    def __init__(self):
        self._said, self._more = set(), 0

    def say(self, remarks):
        """Warn of each remark that is new."""
        for text in remarks:
            if text in self._said:
                continue
            if len(self._said) == MAX_WARNINGS:
                self._more += 1
                continue
            self._said.add(text)
            warnings.warn(text, UserWarning, stacklevel=4)

    def close(self):
        """Say how many remarks were left out."""
        if self._more:
            warnings.warn(f"{self._more} further warnings of this job.", UserWarning, stacklevel=4)
