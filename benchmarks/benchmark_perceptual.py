"""Effect of a perceptual network on an inversion: error of pixels, and LPIPS of another network.

::

    python benchmarks/benchmark_perceptual.py --vgg VGG16 --alexnet ALEXNET --heads LPIPS_HEADS

VGG16 and AlexNet have torchvision's names, the heads of LPIPS those of the `lpips` package for
AlexNet (``lin0.model.1.weight`` ...). The inversion compares images in the features of VGG16; LPIPS
is measured in AlexNet's, so that no method is judged by the distance that it minimized. Rendered
faces by default; photos of the validation split of CelebA with
``--data FOLDER --generator FILE --encoder FILE``.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from skstylefeat import StyleGANInverter
from skstylefeat.datasets import make_faces
from skstylefeat.networks import PerceptualNetwork, load_perceptual

WEIGHTS = (0.05, 0.1, 0.2, 0.5)
PACKAGE_WEIGHT = 0.1  # of the distances in features, in every inversion
SEED = 1100
SIDE = 128  # of the images for AlexNet
MEAN, STD = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # LPIPS', of images in [-1, 1]
CONVOLUTIONS = ((0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1))  # name, stride, padding


class LPIPS:
    """Learned distance of images in AlexNet's features (Zhang et al., CVPR 2018).

    Parameters
    ----------
    weights, heads : path-like
        Files of tensors.
    """

    def __init__(self, weights, heads):
        state = load_file(weights)
        names = [f"features.{i}" for i, _, _ in CONVOLUTIONS]
        self.layers = [(state[f"{name}.weight"], state[f"{name}.bias"]) for name in names]
        heads = load_file(heads)
        self.heads = [heads[key] for key in sorted(heads) if key.endswith("weight")]

    @torch.no_grad()
    def __call__(self, first, second):
        """Return the distances (n,) of two batches of images (n, H, W, 3) in [0, 1]."""
        pairs = zip(self.heads, self._features(first), self._features(second), strict=True)
        parts = [F.conv2d((a - b) ** 2, head).mean(dim=(1, 2, 3)) for head, a, b in pairs]
        return torch.stack(parts).sum(dim=0).numpy()

    def _features(self, images):
        x = torch.from_numpy(images.transpose(0, 3, 1, 2)) * 2 - 1
        x = F.interpolate(x, (SIDE, SIDE), mode="bilinear")
        x = (x - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
        found = []
        for number, (_, stride, padding) in enumerate(CONVOLUTIONS):
            if number in (1, 2):
                x = F.max_pool2d(x, 3, 2)
            x = F.relu(F.conv2d(x, *self.layers[number], stride, padding))
            found.append(x / (x.square().sum(dim=1, keepdim=True).sqrt() + 1e-10))
        return found


class WeightedNetwork(PerceptualNetwork):
    """Network whose distances are multiplied by a factor."""

    def __init__(self, module, factor, **kwargs):
        super().__init__(module, **kwargs)
        self.factor = factor

    def distances(self, maps, targets):
        return self.factor * super().distances(maps, targets)


def read_images(args):
    """Return images (n, H, W, 3) in [0, 1] on which no choice of the package was made."""
    if args.data is None:
        images = make_faces(args.images, random_state=SEED).images
    else:
        sys.path.insert(0, str(Path(__file__).with_name("photos")))
        from crops import load_photos

        photos = load_photos("celeba", folder=args.data, cache=args.cache)
        images = np.asarray(photos.images[photos.rows("validation")[-args.images :]])
    return images.astype(np.float32) / 255


def score(name, lpips, images, inverter):
    """Print errors of the reconstructions, mean and standard deviation over the images."""
    codes = inverter.fit(images[:2]).transform(images)
    made = np.clip(inverter.inverse_transform(codes), 0, 1)
    psnr = -10 * np.log10(np.square(made - images).mean(axis=(1, 2, 3)))
    far = lpips(made.astype(np.float32), images)
    cells = (f"{x.mean():.{k}f} ± {x.std():.{k}f}" for x, k in ((psnr, 2), (far, 4)))
    print("| " + " | ".join([name, *cells]) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("vgg", "alexnet", "heads"):
        parser.add_argument(f"--{name}", required=True, metavar="FILE")
    parser.add_argument("--data", default=None, metavar="FOLDER")
    parser.add_argument("--cache", type=Path, default=None, help="folder for decoded crops")
    parser.add_argument("--generator", default="faces64")
    parser.add_argument("--encoder", default="auto")
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--steps", type=int, default=60)
    args = parser.parse_args()
    lpips, images = LPIPS(args.alexnet, args.heads), read_images(args)
    networks = {"generator": args.generator, "encoder": args.encoder, "random_state": 0}
    hybrid = networks | {"method": "hybrid", "n_steps": args.steps}
    print("| | PSNR, dB | LPIPS |\n| --- | --- | --- |")
    score("encoder", lpips, images, StyleGANInverter(**networks))
    score("hybrid, local contrast", lpips, images, StyleGANInverter(**hybrid))
    for weight in WEIGHTS:
        network = WeightedNetwork(load_perceptual(args.vgg).module, weight / PACKAGE_WEIGHT)
        inverter = StyleGANInverter(**hybrid, perceptual=network)
        score(f"hybrid, VGG16 with weight {weight:g}", lpips, images, inverter)


if __name__ == "__main__":
    main()
