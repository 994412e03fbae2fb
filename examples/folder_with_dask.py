"""Codes of a folder of images, computed by a dask cluster and written as a zarr array.

On this machine, with two workers::

    python examples/folder_with_dask.py photos/ codes.zarr --workers 2

or on a cluster that is running already::

    python examples/folder_with_dask.py photos/ codes.zarr --scheduler tcp://10.0.0.1:8786

The workers read the files themselves, so all of them need access to the folder. Each one loads the
networks once. If a worker dies, another one computes its unfinished block again. With --cache, a
folder that the workers share, a job that was killed resumes where it was. An image that cannot be
read gets a row of NaN.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import dask.array as da
import numpy as np
from dask.distributed import Client, LocalCluster

from skstylefeat import StyleGANInverter
from skstylefeat.images import as_images


def lazy_codes(
    inverter: StyleGANInverter, paths: Sequence[str], rows_per_block: int = 500
) -> da.Array:
    """Return the codes of files as a dask array of shape (n, columns), not computed yet."""
    files = da.from_array(np.asarray(paths), chunks=rows_per_block)
    columns = len(inverter.get_feature_names_out())
    return files.map_blocks(
        inverter.transform,
        dtype=np.float32,
        new_axis=1,
        chunks=(files.chunks[0], (columns,)),
        meta=np.empty((0, columns), dtype=np.float32),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, start or join a cluster, and write the codes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("out", help="zarr array to write")
    parser.add_argument("--generator", default="faces64")
    parser.add_argument("--encoder", default="auto")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--scheduler", help="address of a running cluster (default: start one)")
    parser.add_argument("--cache", help="folder of finished codes, shared by the workers")
    parser.add_argument("--rows-per-block", type=int, default=500)
    args = parser.parse_args(arguments)

    paths = as_images(args.folder).names
    inverter = StyleGANInverter(
        args.generator, args.encoder, cache_dir=args.cache, on_error="nan"
    ).fit(paths)

    cluster = args.scheduler or LocalCluster(n_workers=args.workers, threads_per_worker=1)
    with Client(cluster):
        lazy_codes(inverter, paths, args.rows_per_block).to_zarr(args.out, overwrite=True)
    if not args.scheduler:
        cluster.close()
    print(f"{len(paths)} codes in {args.out}, in the order of their paths")


if __name__ == "__main__":
    main()
