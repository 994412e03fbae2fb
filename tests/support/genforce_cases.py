"""Networks of the comparison with GenForce's code, by the names of the stored arrays."""

from pathlib import Path

from tests.support.genforce_writers import genforce_stylegan1, genforce_stylegan2

REFERENCE = Path(__file__).parents[1] / "data" / "genforce.npz"
NARROW = (6, 6, 4)
FUSED = {"fused_scale": True}
CASES = {
    "stylegan1": (genforce_stylegan1, {"channels": NARROW}, None),
    "stylegan1 fused": (genforce_stylegan1, {"channels": NARROW, "seed": 1}, FUSED),
    "stylegan1 128px": (
        genforce_stylegan1,
        {"resolution": 128, "channels": (4, 4, 4, 4, 4, 2), "seed": 2},
        None,
    ),
    "stylegan1 conditional grey": (
        genforce_stylegan1,
        {"resolution": 8, "channels": (6, 6), "label_size": 4, "img_channels": 1, "seed": 3},
        None,
    ),
    "stylegan2": (genforce_stylegan2, {"channels": NARROW, "seed": 4}, None),
    "stylegan2 origin grey": (
        genforce_stylegan2,
        {"channels": NARROW, "img_channels": 1, "architecture": "orig", "seed": 5},
        None,
    ),
}


def sample(maps):
    """Return the pixels that are stored."""
    side = maps.shape[-1]
    step = 9 if side > 16 else 3 if side == 16 else 1
    return maps[..., ::step, ::step]
