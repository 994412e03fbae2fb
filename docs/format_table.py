"""Formats of networks for the page checkpoints.md: each is written, read and compared here.

Run from the repository: ``python docs/format_table.py`` writes the table between the marks of the
page. A test compares it with what the package reads.

A family joins by one call of `add`: its key (which the list of public networks uses, see
`public_networks.py`), texts, the largest error that is allowed, and a function of an empty folder
that writes a file by the tests' writers, reads it, and returns the errors by part: "W", "images",
"maps", "S" or "codes", in units of the largest reference value.
"""

import re
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).with_name("checkpoints.md")
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from skstylefeat import load_encoder, load_generator  # noqa: E402
from skstylefeat.networks.checkpoints import convert  # noqa: E402
from tests.support import checkpoint_writers as writers  # noqa: E402
from tests.support import family_errors  # noqa: E402
from tests.support import upstream_networks as upstream  # noqa: E402

BEGIN, END = "<!-- formats: written by docs/format_table.py -->", "<!-- end of formats -->"
#: Parts in the table, and their headings.
PARTS = {"W": "W", "images": "images", "maps": "maps", "S": "S", "codes": "encoder's codes"}
FAMILIES = {}


@dataclass(frozen=True)
class Family:
    """A format of files.

    Attributes
    ----------
    key : str
        Short name.
    title : str
        The format.
    written_by : str
        The code of other people that writes it.
    read : str
        Entries of the file that are read.
    against : str
        Code that computed the reference arrays.
    within : float
        Largest error that is allowed. The table shows it.
    measure : callable
        Function of an empty folder that returns the errors by part.
    """

    key: str
    title: str
    written_by: str
    read: str
    against: str
    within: float
    measure: Callable[[Path], dict[str, float]]


def add(key, title, written_by, read, against, within, measure):
    """Add a `Family` to the table, at its end."""
    FAMILIES[key] = Family(key, title, written_by, read, against, within, measure)


def generator_errors(folder, *, write, name, suffix=".pt", **settings):
    """Write a generator, and return its errors against the arrays of its authors' code."""
    path = folder / f"network{suffix}"
    write(path, upstream.generator_module(name))
    return upstream.generator_errors(path, name, **settings)


def nvidia_errors(folder):
    """Return the largest errors over NVIDIA's architectures."""
    results = []
    for name in ("nvidia-skip", "nvidia-resnet", "nvidia-orig"):
        make = partial(generator_errors, write=writers.write_nvidia, suffix=".pkl")
        results.append(make(folder, name=name))
    return {part: max(errors[part] for errors in results) for part in results[0]}


def in_one_piece(module):
    """Return the tensors of a module in one memory order, which `save_file` demands."""
    return {key: value.contiguous() for key, value in module.state_dict().items()}


def encoder_errors(folder, *, names):
    """Write encoders of the pSp family with their generator, and return the largest errors."""
    errors = {}
    for name in names:
        path, decoder = folder / f"{name}.pt", upstream.decoder_module()
        average = decoder.mapping.w_avg.repeat(upstream.N_WS, 1)
        options = {"encoder_type": upstream.ENCODERS[name][0], "output_size": 32}
        state = upstream.encoder_state(name)
        writers.write_psp(path, state, decoder, latent_avg=average, **options)
        assert load_generator(path).n_ws == upstream.N_WS
        errors[name] = upstream.encoder_errors(path, name)["codes"]
    return {"codes": max(errors.values())}


def own_errors(folder):
    """Return the errors of converted files."""
    source = folder / "network.pkl"
    writers.write_nvidia(source, upstream.generator_module("nvidia-skip"))
    converted = convert(source, folder / "network.safetensors")
    errors = upstream.generator_errors(converted.generator.file, "nvidia-skip")
    return errors | _converted_encoder_errors(folder)


def _converted_encoder_errors(folder):
    path = folder / "e4e.pt"
    average = upstream.decoder_module().mapping.w_avg.repeat(upstream.N_WS, 1)
    state = upstream.encoder_state("e4e")
    writers.write_psp(path, state, latent_avg=average, encoder_type="Encoder4Editing")
    converted = convert(path, folder / "e4e.safetensors")
    assert load_encoder(converted.encoder.file).w_dim == upstream.W_DIM
    return upstream.encoder_errors(converted.encoder.file, "e4e")


ADA = "stylegan3's code"
#: What state dicts in NVIDIA's names do not state.
KNOWN = {
    "conv_clamp": 2.0,
    "lr_multiplier": 0.01,
    "activation": "lrelu",
    "resample_filter": (1, 3, 3, 1),
}
skip = partial(generator_errors, name="nvidia-skip")

add(
    "nvidia",
    "pickle, NVIDIA StyleGAN2",
    "stylegan2-ada-pytorch, stylegan3",
    "`G_ema`",
    ADA,
    1e-5,
    nvidia_errors,
)
add(
    "nvidia-module",
    "torch file with a whole NVIDIA module",
    "PTI and other tuning code",
    "the module",
    ADA,
    1e-5,
    partial(skip, write=writers.write_pti),
)
add(
    "nvidia-state",
    "torch file with a state dict in NVIDIA's names",
    "conversions, training code",
    "the state dict",
    ADA,
    1e-5,
    partial(skip, write=lambda path, net: torch.save(net.state_dict(), path), assume=KNOWN),
)
add(
    "nvidia-safetensors",
    "safetensors with a state dict in NVIDIA's names",
    "conversions",
    "the state dict",
    ADA,
    1e-5,
    partial(
        skip,
        write=lambda path, net: save_file(in_one_piece(net), path),
        suffix=".safetensors",
        assume=KNOWN,
    ),
)
add(
    "stylegan3",
    "pickle, NVIDIA StyleGAN3 (T and R)",
    "stylegan3; also as module or state dict",
    "`G_ema`",
    "its code, reference operations",
    1e-5,
    family_errors.stylegan3_errors,
)
add(
    "nvidia-rectangular",
    "pickle, rectangular StyleGAN2",
    "StyleGAN-Human; also as state dict",
    "`G_ema`",
    "its code",
    1e-5,
    family_errors.rectangular_errors,
)
add(
    "tensorflow",
    "TensorFlow pickle, StyleGAN2",
    "stylegan2, stylegan2-ada",
    "`Gs`",
    "NVIDIA's own converter",
    1e-5,
    family_errors.tensorflow_errors,
)
add(
    "stylegan1-tensorflow",
    "TensorFlow pickle, StyleGAN1",
    "stylegan",
    "`Gs`",
    "GenForce's code",
    1e-5,
    family_errors.stylegan1_tensorflow_errors,
)
add(
    "genforce",
    "torch file, GenForce StyleGAN1 and StyleGAN2",
    "genforce, sefa",
    "`generator_smooth`, else `generator`",
    "its code",
    1e-5,
    family_errors.genforce_errors,
)
add(
    "rosinality",
    "torch file, rosinality StyleGAN2",
    "stylegan2-pytorch, its converter and its training",
    "`g_ema`, `latent_avg`",
    "its model",
    1e-5,
    partial(generator_errors, write=writers.write_rosinality, name="rosinality"),
)
add(
    "psp",
    "torch file, pSp family",
    "pSp, e4e",
    "`encoder.*`, `decoder.*`, `latent_avg`",
    "pSp's and e4e's encoders",
    1e-4,
    partial(encoder_errors, names=("psp", "e4e")),
)
add(
    "restyle",
    "torch file, ReStyle",
    "ReStyle over pSp and over e4e",
    "`encoder.*`, `decoder.*`, `latent_avg`",
    "ReStyle's encoders, in five rounds",
    1e-4,
    partial(encoder_errors, names=("restyle-psp", "restyle-e4e")),
)
add(
    "own",
    "safetensors",
    "this package (`convert`)",
    "everything",
    "stylegan3's code, e4e's encoder",
    1e-4,
    own_errors,
)


def measured(family):
    """Return the errors of a family by part, in an empty folder."""
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("error")
        errors = family.measure(Path(name))
    unknown = errors.keys() - PARTS
    assert not unknown, unknown
    return errors


def bound(error):
    """Return a limit as text: 1e-05 as 10⁻⁵."""
    mantissa, exponent = f"{error:.0e}".split("e")
    power = "10" + str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return power if mantissa == "1" else f"{mantissa} · {power}"


def render(results):
    """Return the lines of the table, of errors by part and key."""
    lines = [
        BEGIN,
        "",
        "| Format | Written by | Entries | Read and compared | Against | Largest error |",
        "|---|---|---|---|---|---|",
    ]
    for key, errors in results.items():
        family = FAMILIES[key]
        parts = ", ".join(title for part, title in PARTS.items() if part in errors)
        cells = [
            family.title,
            family.written_by,
            family.read,
            parts,
            family.against,
            f"below {bound(family.within)}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, "", END]


def table_of(page):
    """Return the table of a page, with its marks."""
    return re.search(rf"{re.escape(BEGIN)}.*?{re.escape(END)}", page, re.DOTALL)[0]


def main():
    """Measure all families and write their table to the page."""
    results = {}
    for key, family in FAMILIES.items():
        results[key] = measured(family)
        print(key, {part: f"{error:.1e}" for part, error in results[key].items()})
        too_large = {part: e for part, e in results[key].items() if not e <= family.within}
        if too_large:
            raise SystemExit(f"{key}: {too_large} is above {family.within}")
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(page.replace(table_of(page), "\n".join(render(results))), encoding="utf-8")


if __name__ == "__main__":
    main()
