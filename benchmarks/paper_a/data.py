"""Images and labels of paper A's experiments: rendered faces, benchmark photos, or your own.

::

    ... SCRIPT.py                                                    rendered faces
    ... SCRIPT.py --photos celeba --data FOLDER --generator G --encoder E
    ... SCRIPT.py --data FOLDER_OR_ZIP --labels CSV --target COLUMN,COLUMN --generator G --encoder E

The second form reads the archives of `benchmarks/photos` with their boxes and splits, so the
encoder was trained on none of the test photos.
"""

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from names import RUNS

from skstylefeat import load_generator
from skstylefeat.datasets import make_faces
from skstylefeat.experiments import Target, load_own_images, load_rendered_faces

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "photos"))
from crops import load_photos, read_halves

CELEBA = {"Male": "gender", "Smiling": "smiling", "Eyeglasses": "glasses", "Young": "young"}
UTKFACE = {"age": "age class", "gender": "gender"}
TARGETS = {"celeba": CELEBA, "utkface": UTKFACE}
# Paper A's classes of the age.
AGE_EDGES, AGE_CLASSES = (10, 60.001), ("under 10", "10 to 60", "over 60")
# The encoder of the rendered faces was trained on seeds from 1,000,000 on, like these.
TRAINING_SEED, N_TRAINING = 1_500_000, 50_000


class Collection(NamedTuple):
    """Images to label from, images to test on, and their classes."""

    pool: np.ndarray
    test: np.ndarray
    targets: list
    notes: list


def add_data_arguments(parser):
    """Add the options for images, networks and the folder of a run."""
    group = parser.add_argument_group("images and networks")
    group.add_argument("--photos", choices=tuple(TARGETS), help="photos of benchmarks/photos")
    group.add_argument("--data", metavar="FOLDER_OR_ZIP", help="photos (default: rendered faces)")
    group.add_argument("--labels", metavar="CSV")
    group.add_argument("--target", metavar="NAME[,NAME]", help="columns or a subset of the targets")
    group.add_argument("--group", metavar="COLUMN", help="never in both sets")
    group.add_argument("--generator", default="faces64", metavar="NAME|FILE")
    group.add_argument("--encoder", default="auto", metavar="NAME|FILE|train")
    group.add_argument("--pool", type=int, default=1000, help="images to label from")
    group.add_argument("--test", type=int, default=500, help="images to test on")
    group.add_argument("--random-state", type=int, default=0)
    group.add_argument("--runs", type=Path, default=None, help=f"default: {RUNS}/NAME")
    group.add_argument("--cache", type=Path, default=None, help="folder for decoded crops")


def collection_name(args):
    """Return a short name of the images, for folders and titles."""
    if args.photos:
        return args.photos
    return "own" if args.data else "faces"


def runs_folder(args):
    """Return the folder of this collection's results and weights."""
    return args.runs or RUNS / collection_name(args)


def load_collection(args):
    """Read or render images and labels.

    Returns
    -------
    Collection
        Images of shape (n, H, W, 3), dtype uint8; targets with classes only.
    """
    size = load_generator(args.generator).resolution
    if args.photos:
        return _photos(args, size)
    if args.data:
        limit = args.pool + args.test
        share = args.test / limit
        train, test, targets, notes = load_own_images(
            args.data,
            args.labels,
            args.target.split(","),
            size=size,
            test_share=share,
            group=args.group,
            limit=limit,
            random_state=args.random_state,
        )
    else:
        train, test, targets, notes = load_rendered_faces(args.pool, args.test, args.random_state)
        ages = next(target for target in targets if target.name == "age")
        three = (age_classes(years) for years in (ages.y_train, ages.y_test))
        targets = [*targets, Target("age class", *three)]
    return Collection(train, test, _wanted(targets, args), notes)


def _wanted(targets, args):
    """Return the targets with classes, restricted to ``--target`` if given."""
    names = args.target.split(",") if args.target else None
    classes = [x for x in targets if not x.is_number and (names is None or x.name in names)]
    if not classes:
        raise ValueError(
            f"--target {args.target}: no such target with classes; the targets are "
            f"{[x.name for x in targets]}."
        )
    return classes


def age_classes(years):
    """Return paper A's three classes of the age: under 10, 10 to 60, over 60."""
    return np.array(AGE_CLASSES)[np.searchsorted(AGE_EDGES, years, side="right")]


def _photos(args, size):
    halves = read_halves(
        args.photos, "test", args.pool, args.test, folder=args.data, cache=args.cache
    )
    (pool, _), (test, _) = halves
    if pool.shape[1] != size:
        raise ValueError(f"The crops are {pool.shape[1]} px wide, the generator's images {size}.")
    targets = []
    for column, name in TARGETS[args.photos].items():
        columns = [frame[column].to_numpy() for _, frame in halves]
        words = [np.where(values > 0, name, f"not {name}") for values in columns]
        if column == "age":
            words = [age_classes(values) for values in columns]
        targets.append(Target(name, *words))
    notes = [f"{len(pool)} + {len(test)} photos of {args.photos}."]
    return Collection(pool, test, _wanted(targets, args), notes)


def training_images(args):
    """Return images without labels for the comparators, and their side.

    For photos: the whole training split, on which the encoder was trained. For rendered faces:
    faces of the encoder's training seeds. For your own images: the pool.
    """
    args.runs = runs_folder(args)
    if args.photos:
        sets = [load_photos(name, folder=args.data, cache=args.cache) for name in TARGETS]
        images = np.concatenate([x.images[x.rows("train")] for x in sets])
    elif args.data:
        images = load_collection(args).pool
    else:
        images = make_faces(N_TRAINING, random_state=TRAINING_SEED).images
    return images, images.shape[1]
