"""Encoders of the pSp family: pSp, e4e, ReStyle and related ones.

The networks are built from the tensors of a file, with batch normalizations folded into the
convolutions before them. The shapes of the tensors define the sizes: depth and width of the
backbone, number of style heads, width of W.

References
----------
.. [1] E. Richardson et al., "Encoding in Style: a StyleGAN Encoder for Image-to-Image
   Translation", CVPR 2021 (pSp).
.. [2] O. Tov et al., "Designing an Encoder for StyleGAN Image Manipulation", SIGGRAPH 2021 (e4e).
.. [3] Y. Alaluf et al., "ReStyle: A Residual-Based StyleGAN Encoder via Iterative Refinement",
   ICCV 2021.
"""

from dataclasses import asdict, dataclass

import torch
from torch import nn
from torch.nn import functional as F

from skstylefeat._inert._budget import CONTENT_ERRORS
from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks.encoders._folded_layers import Weights
from skstylefeat.networks.encoders._openvino import CompiledNetwork
from skstylefeat.networks.encoders._psp_backbones import read_backbone
from skstylefeat.networks.encoders._psp_heads import FlatCodes, PooledCode, PyramidCodes
from skstylefeat.networks.encoders._row_pairs import in_pairs

RESTYLE_ROUNDS = 5
INPUT_SIZE = (256, 256)
CARS_INPUT_SIZE = (192, 256)
BODY_INPUT_SIZE = (256, 128)  # of StyleGAN-Human's e4e, whose decoder starts at 4 x 2
INPUT_SIZES = (INPUT_SIZE, CARS_INPUT_SIZE, BODY_INPUT_SIZE)
OLD_PSP_RESOLUTION = 1024
MEAN_CODE = "latent_avg"
START = "start_from_latent_avg"
SIZE_OPTIONS = "stylegan_size", "output_size"  # side of the generator's images
MAX_N_WS = 64

# Combination of the style heads' outputs to a code.
INDEPENDENT, BASE_AND_OFFSETS, SINGLE, FLAT = "independent", "base and offsets", "single", "flat"
ENCODER_TYPES = {
    "GradualStyleEncoder": INDEPENDENT,
    "ResNetGradualStyleEncoder": INDEPENDENT,
    "BackboneEncoder": INDEPENDENT,
    "ResNetBackboneEncoder": INDEPENDENT,
    "Encoder4Editing": BASE_AND_OFFSETS,
    "ProgressiveBackboneEncoder": BASE_AND_OFFSETS,
    "ResNetProgressiveBackboneEncoder": BASE_AND_OFFSETS,
    "SingleStyleCodeEncoder": SINGLE,
    "BackboneEncoderUsingLastLayerIntoW": SINGLE,
    "WEncoder": SINGLE,  # HyperStyle's name of the same network
    "BackboneEncoderUsingLastLayerIntoWPlus": FLAT,
}


@dataclass(frozen=True)
class PSPConfig:
    """Options of an encoder that its tensors do not define, for safetensors files.

    Parameters
    ----------
    encoder_type : str
        One of `ENCODER_TYPES`.
    n_ws : int
        Number of W vectors in a code.
    input_size : tuple of int
        (height, width) that images are resampled to.
    """

    encoder_type: str
    n_ws: int
    input_size: tuple

    def __post_init__(self):
        size = tuple(self.input_size)
        if size not in INPUT_SIZES:
            raise ValueError(f"input_size is {size}, expected one of {INPUT_SIZES}")
        if type(self.n_ws) is not int or not 1 <= self.n_ws <= MAX_N_WS:
            raise ValueError(f"n_ws is {self.n_ws!r}, expected 1 to {MAX_N_WS}")
        object.__setattr__(self, "input_size", size)

    def to_dict(self):
        """Return the entries as a dictionary that JSON can hold."""
        return asdict(self)

    def build(self, state, source):
        """Return the `PSPEncoder` of tensors in the names of pSp, with the mean "latent_avg"."""
        state = dict(state)
        average = state.pop(MEAN_CODE, None)
        options = {
            "encoder_type": self.encoder_type,
            START: True,  # the mean of absolute codes is stored as zeros
        }
        size = self.input_size
        return build_psp_encoder(state, options, lambda: average, self.n_ws, source, size=size)


class PSPEncoder(nn.Module):
    """An encoder of the pSp family, from images to absolute W+ codes.

    Parameters
    ----------
    backbone : nn.Module
        Images to three feature maps of decreasing resolution.
    head : nn.Module
        Those maps to an array (n, n_ws, w_dim).
    encoder_type : str
        One of `ENCODER_TYPES`.
    in_channels : int
        3, or 6 for ReStyle, whose input is the image and its reconstruction.
    latent_avg : Tensor of shape (n_ws, w_dim)
        The code that the outputs are offsets from.
    input_size : tuple of int
        (height, width) that images are resampled to.

    Attributes
    ----------
    n_ws, w_dim : int
        Shape of a code.
    needs_generator : bool
        Whether `forward` needs `synthesis`.
    """

    def __init__(self, backbone, head, *, encoder_type, in_channels, latent_avg, input_size):
        super().__init__()
        self.network = nn.Sequential(backbone, head)
        self.encoder_type = encoder_type
        self.combine = ENCODER_TYPES[encoder_type]
        self.in_channels = in_channels
        self.input_size = input_size
        self.n_ws, self.w_dim = latent_avg.shape
        self.needs_generator = in_channels == 6
        self.register_buffer(MEAN_CODE, latent_avg)

    def forward(self, images, synthesis=None, n_rounds=RESTYLE_ROUNDS):
        """Encode images.

        Parameters
        ----------
        images : Tensor of shape (n, 3, H, W)
            In [-1, 1]; other sizes than `input_size` are resampled.
        synthesis : callable, default=None
            Function from codes (n, n_ws, w_dim) to images in [-1, 1], required where
            `needs_generator` is true.
        n_rounds : int, default=5
            ReStyle's rounds of refinement.

        Returns
        -------
        codes : Tensor of shape (n, n_ws, w_dim)
        """
        if tuple(images.shape[2:]) != self.input_size:
            images = F.interpolate(
                images, self.input_size, mode="bilinear", align_corners=False, antialias=True
            )
        codes = self.latent_avg.expand(len(images), -1, -1)
        if not self.needs_generator:
            return codes + self._offsets(images)
        if synthesis is None:
            raise ValueError(f"{self.encoder_type} refines codes in rounds: give synthesis=.")

        # The first reconstruction is that of the mean code, the same for every image.
        image = self._shrink(synthesis(codes[:1])).expand(len(images), -1, -1, -1)
        for step in range(n_rounds):
            codes = codes + self._offsets(torch.cat([images, image], dim=1))
            if step < n_rounds - 1:
                image = self._shrink(synthesis(codes))
        return codes

    def _offsets(self, x):
        if isinstance(self.network, CompiledNetwork):
            w = self.network(x)
        else:
            w = in_pairs(self.network, x.contiguous(memory_format=torch.channels_last))
        if self.combine == BASE_AND_OFFSETS:
            return torch.cat([w[:, :1], w[:, :1] + w[:, 1:]], dim=1)
        return w

    def _shrink(self, image):
        """Resample images to the input size; squares of cars lose top and bottom."""
        height, width = self.input_size
        if image.shape[2] * width == image.shape[3] * height:
            return F.adaptive_avg_pool2d(image, (height, width))
        top = (width - height) // 2
        return F.adaptive_avg_pool2d(image, (width, width))[:, :, top : top + height]


def build_psp_encoder(state, options, latent_avg, n_ws, source, settings=None, size=None):
    """Build the encoder of a pSp-family file.

    Parameters
    ----------
    state : dict of str to Tensor
        The tensors ``encoder.*``, without that prefix.
    options : dict
        The options of its training ("opts").
    latent_avg : callable
        Returns the mean code, of shape (w_dim,) or (n_ws, w_dim), or None; called if the outputs
        are offsets from it.
    n_ws : int or None
        Number of W vectors of the decoder in the file, or None without a decoder.
    source : str
        Name of the file, for messages.
    settings : Settings, default=None
        Given values of what the options lack; not needed where they are complete.
    size : tuple of int, default=None
        (height, width) of the input where it is known. By default the options decide.

    Returns
    -------
    PSPEncoder
        Frozen, for evaluation.

    Raises
    ------
    CheckpointError
        If tensors are missing, left over or of the wrong shapes, if the type is unknown, or if
        the options contradict the tensors or the given values.
    """
    weights = Weights(state, source)
    encoder_type = _encoder_type(options, weights, settings, source)
    combine = ENCODER_TYPES[encoder_type]
    try:
        backbone, in_channels = read_backbone(weights)
        n_heads = weights.count("styles")
        n_ws = _n_ws(options, n_ws, n_heads, combine, settings, source)
        if combine == SINGLE:
            head = PooledCode(weights, n_ws)
        elif combine == FLAT:
            head = FlatCodes(weights, n_ws)
        elif n_heads:
            head = PyramidCodes(weights, n_heads)
        else:
            raise ValueError("it has no style heads 'styles.*'")
        weights.check_all_taken()
        _check_options(options, in_channels, combine)
        if size is None and "dataset_type" in options:
            size = CARS_INPUT_SIZE if "cars" in str(options["dataset_type"]) else INPUT_SIZE
        size = _setting("input_size", size, settings, source)
        network = nn.Sequential(backbone, head)

        # A forward pass without data finds shapes that do not fit together.
        with torch.device("meta"):
            probe = torch.empty(1, in_channels, *size)
        meta = {key: value.to("meta") for key, value in network.state_dict().items()}
        shape = tuple(torch.func.functional_call(network, meta, (probe,)).shape[1:])
        starts_from_average = True  # ReStyle always does, and ignores the option
        if in_channels == 3:
            starts_from_average = _setting(START, options.get(START), settings, source)
        average = _average(latent_avg, shape, combine) if starts_from_average else None
        module = PSPEncoder(
            backbone,
            head,
            encoder_type=encoder_type,
            in_channels=in_channels,
            latent_avg=torch.zeros(shape) if average is None else average,
            input_size=size,
        )
    except CheckpointError:
        raise
    except CONTENT_ERRORS as error:
        raise CheckpointError(
            f"{source}: its tensors do not form a {encoder_type}: {error}. The file is damaged, "
            "or holds a variant of the encoder."
        ) from error
    return module.requires_grad_(False).eval()


def _setting(name, stated, settings, source):
    """Return a setting: the stated one, where it is not None, or the given or assumed one."""
    if settings is None:
        return stated
    return settings.lacking(name) if stated is None else settings.stated(name, stated, source)


def _encoder_type(options, weights, settings, source):
    """Return the stated or given type, or the one that the tensors imply."""
    stated = options.get("encoder_type")
    if stated is None:
        if not weights.count("styles") and "linear.weight" in weights:
            # Both types into W compute the same.
            has_layers = "output_layer_2.3.weight" in weights
            implied = "BackboneEncoderUsingLastLayerIntoW" + "Plus" * has_layers
        else:
            implied = None
        encoder_type = implied if settings is None else settings.implied("encoder_type", implied)
    else:
        encoder_type = stated
        if settings is not None:
            settings.stated("encoder_type", stated, source)

    if not isinstance(encoder_type, str) or encoder_type not in ENCODER_TYPES:
        found = repr(encoder_type[:80]) if isinstance(encoder_type, str) else "missing"
        raise CheckpointError(
            f"{source}: the option 'encoder_type' is {found}, expected one of "
            f"{sorted(ENCODER_TYPES)}. The tensors alone do not distinguish pSp from e4e: "
            "where the file lacks it, pass assume={'encoder_type': ...}."
        )
    return encoder_type


def _n_ws(options, of_decoder, n_heads, combine, settings, source):
    """Return the number of W vectors; raise ValueError if options and tensors contradict."""
    found = {}
    for name in SIZE_OPTIONS:
        size = options.get(name)
        if size is None:
            continue
        if type(size) is not int or not 4 <= size <= 1 << 14 or size.bit_count() != 1:
            raise ValueError(f"the option {name!r} is {str(size)[:40]}, expected a power of two")
        found[f"the option {name!r}"] = 2 * size.bit_length() - 4
        if settings is not None:
            settings.stated("output_size", size, source)
    if of_decoder is not None:
        found["its decoder"] = of_decoder
    if combine not in (SINGLE, FLAT):
        found["its style heads"] = n_heads
    if not found:
        found["assumption"] = 2 * settings.lacking("output_size").bit_length() - 4
    if len(set(found.values())) > 1:
        numbers = ", ".join(f"{n} by {name}" for name, n in found.items())
        raise ValueError(f"the numbers of W vectors contradict each other: {numbers}")
    return next(iter(found.values()))


def _check_options(options, in_channels, combine):
    """Raise ValueError if the options contradict the tensors or are no such values."""
    channels = options.get("input_nc")
    if channels is not None and channels != in_channels:
        raise ValueError(
            f"the option 'input_nc' is {str(channels)[:40]}, but the encoder takes {in_channels} "
            "channels"
        )
    for name in (START, "learn_in_w"):
        if type(options.get(name)) not in (bool, type(None)):
            raise ValueError(f"the option {name!r} is no truth value")
    if options.get("learn_in_w") and combine != SINGLE:
        raise ValueError("the option 'learn_in_w' says W, but the encoder's codes are in W+")


def _average(latent_avg, shape, combine):
    """Return the mean code of shape (n_ws, w_dim)."""
    average = latent_avg()
    if average is None:
        raise ValueError("it has neither 'latent_avg' nor a decoder to estimate it from")
    average = average.reshape(-1, average.shape[-1])
    if combine == SINGLE:  # e4e adds the first row to a code in W; pSp stores no other
        average = average[:1]
    return average.expand(shape).clone()
