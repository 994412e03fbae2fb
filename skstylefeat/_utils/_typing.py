"""Types that public signatures share."""

from os import PathLike
from typing import Any, TypeAlias

import numpy as np

#: What `sklearn.utils.check_random_state` takes.
RandomState: TypeAlias = int | np.random.RandomState | None
#: A path, as text or as an object.
StrPath: TypeAlias = str | PathLike[str]
#: Any collection of images that `skstylefeat.images.as_images` takes.
ImagesLike: TypeAlias = Any
