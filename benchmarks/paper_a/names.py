"""Names shared by all scripts, without heavy imports."""

from pathlib import Path

RUNS = Path("runs/paper_a")
TITLES = {
    "stylegan": "StyleGAN2",
    "mae": "MAE",
    "vqvae": "VQVAE",
    "random": "untrained CNN",
    "vgg16": "VGG16",
    "inception": "Inception v3",
    "codes": "W+ codes",
    "pca": "PCA of pixels",
}
COMPARATORS = ("mae", "vqvae")  # trained here
