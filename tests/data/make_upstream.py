"""Write the arrays of tests/data/upstream by the code of the networks' authors.

    python tests/data/make_upstream.py --stylegan3 DIR --rosinality DIR --e4e DIR --psp DIR

with the folders of NVlabs/stylegan3, rosinality/stylegan2-pytorch, omertov/encoder4editing and
eladrich/pixel2style2pixel. Their code runs on the CPU, in float32, with the reference forms of its
operations. The encoders are written there for 512 channels: the numbers in their source text are
divided by 16 before it is run.
"""

import argparse
import re
import sys
import types
from pathlib import Path

import torch
from torch.nn import functional as F
from torch.utils import cpp_extension

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.support import upstream_networks as networks
from tests.support.checkpoint_writers import rosinality_state
from tests.support.upstream_code import forget, leave_out_packages, load_narrow, save


def write(name, **arrays):
    networks.FOLDER.mkdir(parents=True, exist_ok=True)
    save(networks.FOLDER / f"{name}.npz", arrays)


def run_nvidia(folder):
    sys.path.insert(0, str(folder))
    leave_out_packages()
    from training import networks_stylegan2 as upstream

    z = torch.from_numpy(networks.inputs()[0])[:, :6]
    for name in ("nvidia-skip", "nvidia-resnet", "nvidia-orig"):
        module = networks.generator_module(name)
        config = module.config
        generator = upstream.Generator(
            config.z_dim,
            config.c_dim,
            config.w_dim,
            config.resolution,
            config.img_channels,
            mapping_kwargs={"num_layers": config.n_mapping},
            channel_base=config.resolution,
            channel_max=1,
            architecture=config.architecture,
            conv_clamp=config.conv_clamp,
            num_fp16_res=0,
        )
        # Channels of every block are given, where the authors compute them from a base.
        generator.synthesis = upstream.SynthesisNetwork.__new__(upstream.SynthesisNetwork)
        _build_synthesis(upstream, generator.synthesis, config)
        missing = generator.load_state_dict(module.state_dict(), strict=False)
        assert not missing.unexpected_keys, missing
        assert all(key.endswith("resample_filter") for key in missing.missing_keys), missing

        maps, handles = {}, []
        for resolution in generator.synthesis.block_resolutions:
            block = getattr(generator.synthesis, f"b{resolution}")
            for conv in ("conv0", "conv1"):
                if hasattr(block, conv):
                    key = f"b{resolution}.{conv}"
                    hook = _keep(maps, key)
                    handles.append(getattr(block, conv).register_forward_hook(hook))
        c = torch.eye(3)[:2] if config.c_dim else None
        generator.eval()
        with torch.no_grad():
            ws = generator.mapping(z, c, truncation_psi=0.7)
            image = generator.synthesis(ws, noise_mode="const", force_fp32=True)
            styles = _styles(generator.synthesis, ws)
        if config.architecture == "resnet":
            # There, the map of this package includes the sum with the skip path.
            maps = {key: value for key, value in maps.items() if "conv0" in key}
        write(name, w=ws[:, 0], image=image, styles=styles, **maps)
    sys.path.remove(str(folder))
    forget("training", "torch_utils", "dnnlib")


def _build_synthesis(upstream, synthesis, config):
    torch.nn.Module.__init__(synthesis)
    synthesis.w_dim, synthesis.img_resolution = config.w_dim, config.resolution
    synthesis.block_resolutions = list(config.block_resolutions)
    synthesis.num_ws = 0
    width = 0
    for resolution, channels in zip(config.block_resolutions, config.channels, strict=True):
        block = upstream.SynthesisBlock(
            width,
            channels,
            w_dim=config.w_dim,
            resolution=resolution,
            img_channels=config.img_channels,
            is_last=resolution == config.resolution,
            architecture=config.architecture,
            conv_clamp=config.conv_clamp,
        )
        synthesis.num_ws += block.num_conv + block.num_torgb * block.is_last
        setattr(synthesis, f"b{resolution}", block)
        width = channels


def _keep(maps, key):
    def hook(module, arguments, output):
        maps[key] = output

    return hook


def _styles(synthesis, ws):
    """Return the affine outputs of all layers, side by side, in the order in which they run."""
    parts, index = [], 0
    for resolution in synthesis.block_resolutions:
        block = getattr(synthesis, f"b{resolution}")
        for name in ("conv0", "conv1"):
            if hasattr(block, name):
                parts.append(getattr(block, name).affine(ws[:, index]))
                index += 1
        if hasattr(block, "torgb"):
            parts.append(block.torgb.affine(ws[:, index]))
    return torch.cat(parts, dim=1)


def stub_compiled_operations():
    """Let the authors' modules be imported without a compiler of CUDA."""
    cpp_extension.load = lambda *arguments, **options: None


class BiasedLeakyReLU(torch.nn.Module):
    """The authors' fused operation, of which they have no form for the CPU."""

    def __init__(self, channel, negative_slope=0.2, scale=2**0.5):
        super().__init__()
        self.bias = torch.nn.Parameter(torch.zeros(channel))
        self.negative_slope, self.scale = negative_slope, scale

    def forward(self, x):
        return biased_leaky_relu(x, self.bias, self.negative_slope, self.scale)


def biased_leaky_relu(x, bias, negative_slope=0.2, scale=2**0.5):
    bias = bias.view(1, -1, *(1,) * (x.ndim - 2))
    return F.leaky_relu(x + bias, negative_slope) * scale


def rosinality_generator(upstream, module):
    config = module.config
    upstream.FusedLeakyReLU, upstream.fused_leaky_relu = BiasedLeakyReLU, biased_leaky_relu
    upstream.upfirdn2d = filtered
    generator = upstream.Generator(config.resolution, config.w_dim, config.n_mapping)
    load_narrow(generator, rosinality_state(module))
    return generator.eval()


def filtered(x, kernel, up=1, down=1, pad=(0, 0)):
    """The authors' filter with steps and padding, as they define it, by torch's convolutions."""
    n, c, h, w = x.shape
    x = x.reshape(n * c, 1, h, 1, w, 1)
    x = F.pad(x, [0, up - 1, 0, 0, 0, up - 1]).reshape(n * c, 1, h * up, w * up)
    x = F.conv2d(F.pad(x, [*pad, *pad]), kernel.flip(0, 1)[None, None])
    return x[:, :, ::down, ::down].reshape(n, c, *x[0, 0, ::down, ::down].shape)


def run_rosinality(folder):
    sys.path.insert(0, str(folder))
    stub_compiled_operations()
    import model as upstream

    module = networks.generator_module("rosinality")
    generator = rosinality_generator(upstream, module)
    z = torch.from_numpy(networks.inputs()[0])
    average = module.mapping.w_avg
    with torch.no_grad():
        w = average + 0.7 * (generator.style(z) - average)
        image, _ = generator([w], input_is_latent=True, randomize_noise=False)
        maps, x = {}, generator.input(w)
        convs = [generator.conv1, *generator.convs]
        for index, (layer, conv) in enumerate(zip(module.synthesis.layers(), convs, strict=True)):
            x = conv(x, w, noise=getattr(generator.noises, f"noise_{index}"))
            maps[layer.name] = x
    write("rosinality", w=w, image=image, **maps)
    sys.path.remove(str(folder))
    forget("model", "op")


def shrunken(path):
    """Return the source text of an encoder with a sixteenth of the channels."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"(GradualStyleBlock\(512, 512, )(\d+)", r"\1 int('\2')", text)
    for number in (64, 128, 256, 512):
        text = re.sub(rf"(?<!')\b{number}\b(?!')", str(number // 16), text)
    return text.replace("SEModule(depth, 16)", "SEModule(depth, depth // 2)")


def run_encoders(folder, names):
    stub_compiled_operations()
    sys.path.insert(0, str(folder))
    vision, resnet = types.ModuleType("torchvision.models"), types.ModuleType("resnet")
    vision.resnet34 = resnet.resnet34 = None
    stubs = {"torchvision": types.ModuleType("torchvision"), "torchvision.models": vision}
    sys.modules.update(stubs | {"torchvision.models.resnet": resnet})
    import models.encoders.helpers as helpers
    import models.stylegan2.model as model

    model.fused_leaky_relu, model.FusedLeakyReLU = biased_leaky_relu, BiasedLeakyReLU
    exec(compile(shrunken(Path(helpers.__file__)), helpers.__file__, "exec"), vars(helpers))
    images = torch.from_numpy(networks.inputs()[1])
    for name, file in names.items():
        upstream = types.ModuleType(file)
        sys.modules[file] = upstream
        path = folder / "models" / "encoders" / f"{file}.py"
        exec(compile(shrunken(path), str(path), "exec"), vars(upstream))
        encoder_type, in_channels = networks.ENCODERS[name]
        options = types.SimpleNamespace(
            stylegan_size=32, n_styles=networks.N_WS, input_nc=in_channels
        )
        make = getattr(upstream, encoder_type)
        styles = {} if name in ("e4e", "psp") else {"n_styles": networks.N_WS}
        encoder = make(50, "ir_se", opts=options, **styles)
        encoder.load_state_dict(networks.encoder_state(name))
        encoder.eval()
        average = networks.decoder_module().mapping.w_avg
        with torch.no_grad():
            if in_channels == 3:
                codes = encoder(images) + average
            else:
                codes = restyle_rounds(encoder, model, images, average)
        write(name, codes=codes)
    sys.path.remove(str(folder))
    forget("models", "torchvision", "configs")


def restyle_rounds(encoder, model, images, average, n_rounds=5):
    """The authors' rounds: the first image is that of the mean code."""
    generator = rosinality_generator(model, networks.decoder_module())
    pool = torch.nn.AdaptiveAvgPool2d((256, 256))

    def made(codes):
        image, _ = generator([codes], input_is_latent=True, randomize_noise=False)
        return pool(image)

    codes = average.repeat(len(images), networks.N_WS, 1)
    image = made(codes)
    for _ in range(n_rounds):
        codes = codes + encoder(torch.cat([images, image], dim=1))
        image = made(codes)
    return codes


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("stylegan3", "rosinality", "e4e", "psp", "restyle"):
        parser.add_argument(f"--{name}", type=Path, metavar="DIR", help=f"the folder of {name}")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.stylegan3:
        run_nvidia(arguments.stylegan3)
    if arguments.rosinality:
        run_rosinality(arguments.rosinality)
    if arguments.e4e:
        run_encoders(arguments.e4e, {"e4e": "psp_encoders"})
    if arguments.psp:
        run_encoders(arguments.psp, {"psp": "psp_encoders"})
    if arguments.restyle:
        run_encoders(
            arguments.restyle,
            {"restyle-psp": "restyle_psp_encoders", "restyle-e4e": "restyle_e4e_encoders"},
        )


if __name__ == "__main__":
    main()
