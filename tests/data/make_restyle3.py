"""Write ``restyle3.npz``: codes of stylegan3-editing's own ReStyle, to compare ours with.

``python tests/data/make_restyle3.py --upstream FOLDER`` needs a copy of
github.com/yuval-alaluf/stylegan3-editing. Its encoder has fixed sizes, which are replaced by small
ones; packages that only its training uses are left out.
"""

import sys
import types
from collections import namedtuple
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support.alias_free_cases import ENCODER_TYPES, restyle_images, restyle_weights
from tests.support.upstream_code import leave_out, leave_out_packages, read_arguments, save

FILE = Path(__file__).with_name("restyle3.npz")
Unit = namedtuple("Unit", ["in_channel", "depth", "stride"])


def upstream_codes(encoder_type, config, state):
    """Return the codes of upstream's rounds of refinement."""
    from inversion.models.encoders import helpers, restyle_e4e_encoders, restyle_psp_encoders
    from models.stylegan3.networks_stylegan3 import Generator

    progressive = encoder_type == "ProgressiveBackboneEncoder"
    module = restyle_e4e_encoders if progressive else restyle_psp_encoders
    widths, n_units, block = (4, 5, 6, 8), 2, module.GradualStyleBlock
    module.GradualStyleBlock = lambda n_in, n_out, side: small_block(block, side, config.w_dim)
    module.get_blocks = lambda n: [
        [Unit(before if i == 0 else width, width, 2 if i == 0 else 1) for i in range(n_units)]
        for before, width in zip((4, *widths), widths, strict=False)
    ]
    squeeze = helpers.SEModule.__init__
    helpers.SEModule.__init__ = lambda self, n, _: squeeze(self, n, n // 2)  # to 2 channels
    options = types.SimpleNamespace(input_nc=6)
    encoder = getattr(module, encoder_type)(50, "ir_se", 16, options)
    encoder.input_layer = torch.nn.Sequential(
        torch.nn.Conv2d(6, 4, 3, 1, 1, bias=False), torch.nn.BatchNorm2d(4), torch.nn.PReLU(4)
    )
    module.GradualStyleBlock, helpers.SEModule.__init__ = block, squeeze
    encoder.load_state_dict(
        {k.removeprefix("encoder."): v for k, v in state.items() if k.startswith("encoder.")},
        strict=False,
    )
    decoder = Generator(
        z_dim=config.z_dim,
        c_dim=0,
        w_dim=config.w_dim,
        img_resolution=config.resolution,
        img_channels=3,
        channel_base=1 << 20,
        channel_max=config.channels[0],
        conv_kernel=1,
        use_radial_filters=True,
    )
    weights = {k.removeprefix("decoder."): v for k, v in state.items() if k.startswith("decoder.")}
    weights.pop("synthesis.input.transform")  # as upstream's loader does
    decoder.load_state_dict(weights, strict=False)
    return refine(encoder.eval(), decoder.eval(), restyle_images())


def small_block(block, side, width):
    """Return a style head for maps of the last width, which upstream fixes to 512."""
    head = block(width, width, side)
    head.convs[0] = torch.nn.Conv2d(8, width, 3, 2, 1)
    return head


def refine(encoder, decoder, images):
    """Run the rounds of upstream's inference with its encoder and decoder."""
    pool = torch.nn.AdaptiveAvgPool2d((256, 256))
    decoder.synthesis.input.transform = torch.eye(3)[None]
    mean = decoder.mapping.w_avg
    image = pool(decoder.synthesis(mean.repeat(16, 1)[None])).repeat(len(images), 1, 1, 1)
    codes = mean.repeat(len(images), 1, 1)
    for _ in range(5):
        codes = encoder(torch.cat([images, image], dim=1)) + codes
        image = pool(decoder.synthesis(codes))
    return codes


def main():
    """Write the file."""
    arguments = read_arguments(__doc__, FILE)
    sys.path.insert(0, str(arguments.upstream))
    leave_out_packages()
    leave_out("torchvision", "torchvision.models", "torchvision.models.resnet")
    leave_out("models.stylegan2.op")
    codes = {}
    for encoder_type in ENCODER_TYPES:
        with torch.inference_mode():
            codes[encoder_type] = upstream_codes(encoder_type, *restyle_weights(encoder_type))
    save(arguments.out, codes)


if __name__ == "__main__":
    main()
