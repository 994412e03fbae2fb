"""The pSp family against a plain reading of its tensors, without folding or grouping."""

import pytest
import torch
from torch.nn import functional as F

from skstylefeat import load_encoder
from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks.checkpoints import _read as checkpoints
from skstylefeat.networks.checkpoints import convert
from skstylefeat.networks.encoders._psp import ENCODER_TYPES
from tests.support import checkpoint_writers as writers
from tests.support.hostile_files import spoil
from tests.support.networks import tiny_module

PYRAMIDS = ("GradualStyleEncoder", "Encoder4Editing", "ResNetGradualStyleEncoder")
OFFSETS = ("Encoder4Editing", "ProgressiveBackboneEncoder", "ResNetProgressiveBackboneEncoder")
POOLED = ("SingleStyleCodeEncoder", "BackboneEncoderUsingLastLayerIntoW", "WEncoder")
N_UNITS = 2


def norm(s, name, x):
    return F.batch_norm(
        x,
        s[f"{name}.running_mean"],
        s[f"{name}.running_var"],
        s[f"{name}.weight"],
        s[f"{name}.bias"],
    )


def ir_unit(s, name, x, stride):
    y = F.conv2d(norm(s, f"{name}.res_layer.0", x), s[f"{name}.res_layer.1.weight"], padding=1)
    y = F.prelu(y, s[f"{name}.res_layer.2.weight"])
    y = F.conv2d(y, s[f"{name}.res_layer.3.weight"], stride=stride, padding=1)
    y = norm(s, f"{name}.res_layer.4", y)
    gate = F.relu(F.conv2d(F.adaptive_avg_pool2d(y, 1), s[f"{name}.res_layer.5.fc1.weight"]))
    y = y * torch.sigmoid(F.conv2d(gate, s[f"{name}.res_layer.5.fc2.weight"]))
    if f"{name}.shortcut_layer.0.weight" in s:
        x = F.conv2d(x, s[f"{name}.shortcut_layer.0.weight"], stride=stride)
        return y + norm(s, f"{name}.shortcut_layer.1", x)
    return y + F.max_pool2d(x, 1, stride)


def resnet_unit(s, name, x, stride):
    y = norm(s, f"{name}.bn1", F.conv2d(x, s[f"{name}.conv1.weight"], stride=stride, padding=1))
    y = norm(s, f"{name}.bn2", F.conv2d(F.relu(y), s[f"{name}.conv2.weight"], padding=1))
    if f"{name}.downsample.0.weight" in s:
        x = F.conv2d(x, s[f"{name}.downsample.0.weight"], stride=stride)
        x = norm(s, f"{name}.downsample.1", x)
    return F.relu(x + y)


def plain_maps(s, encoder_type, x):
    if encoder_type.startswith("ResNet"):
        x = norm(s, "bn1", F.conv2d(x, s["conv1.weight"], stride=2, padding=3))
        x, unit, first_stride = F.prelu(x, s["relu.weight"]), resnet_unit, 1
    else:
        x = norm(s, "input_layer.1", F.conv2d(x, s["input_layer.0.weight"], padding=1))
        x, unit, first_stride = F.prelu(x, s["input_layer.2.weight"]), ir_unit, 2
    maps = []
    for index in range(4 * N_UNITS):
        starts = index % N_UNITS == 0
        stride = (first_stride if index == 0 else 2) if starts else 1
        x = unit(s, f"body.{index}", x, stride)
        if index % N_UNITS == N_UNITS - 1:
            maps.append(x)
    return maps[1:]


def plain_head(s, index, x):
    step = 0
    while f"styles.{index}.convs.{step}.weight" in s:
        name = f"styles.{index}.convs.{step}"
        x = F.conv2d(x, s[f"{name}.weight"], s[f"{name}.bias"], stride=2, padding=1)
        x = F.leaky_relu(x, 0.01)
        step += 2
    return plain_linear(s, f"styles.{index}.linear", x.flatten(1))


def plain_linear(s, name, x):
    weight = s[f"{name}.weight"]
    return F.linear(x, weight / weight.shape[1] ** 0.5, s[f"{name}.bias"])


def plain_offsets(s, encoder_type, x, n_ws):
    c1, c2, c3 = plain_maps(s, encoder_type, x)
    if encoder_type in POOLED:
        w = plain_linear(s, "linear", F.adaptive_avg_pool2d(c3, 1).flatten(1))
        return w[:, None].repeat(1, n_ws, 1)
    if encoder_type not in ENCODER_TYPES or encoder_type.endswith("IntoWPlus"):
        y = F.adaptive_avg_pool2d(norm(s, "output_layer_2.0", c3), 7).flatten(1)
        y = F.linear(y, s["output_layer_2.3.weight"], s["output_layer_2.3.bias"])
        return plain_linear(s, "linear", y).unflatten(1, (n_ws, -1))
    features = [c3] * n_ws
    if encoder_type in PYRAMIDS:

        def grow(x, name, lateral):
            lateral = F.conv2d(lateral, s[f"{name}.weight"], s[f"{name}.bias"])
            size = lateral.shape[2:]
            return F.interpolate(x, size, mode="bilinear", align_corners=True) + lateral

        p2 = grow(c3, "latlayer1", c2)
        p1 = grow(p2, "latlayer2", c1)
        features = ([c3] * 3 + [p2] * 4 + [p1] * n_ws)[:n_ws]
    codes = [plain_head(s, index, x) for index, x in enumerate(features)]
    if encoder_type in OFFSETS:
        codes = [codes[0], *[codes[0] + offset for offset in codes[1:]]]
    return torch.stack(codes, dim=1)


def images(n=2, size=(256, 256), channels=3):
    return torch.rand(n, channels, *size, generator=torch.Generator().manual_seed(3)) * 2 - 1


def read(path, state, module=None, **options):
    writers.write_psp(path, state, module, **options)
    return checkpoints.read_encoder(path)[0]


@pytest.mark.parametrize("n_ws", [2, 6, 8, 10])
@pytest.mark.parametrize("encoder_type", sorted(ENCODER_TYPES))
def test_codes_equal_the_plain_computation(tmp_path, encoder_type, n_ws):
    state = writers.psp_state(encoder_type, n_ws=n_ws, w_dim=7)
    latent_avg = torch.arange(n_ws * 7.0).reshape(n_ws, 7)
    options = {"encoder_type": encoder_type, "output_size": 2 ** (n_ws // 2 + 1)}
    encoder = read(tmp_path / "e.pt", state, latent_avg=latent_avg, **options)
    assert (encoder.n_ws, encoder.w_dim, encoder.input_size) == (n_ws, 7, (256, 256))
    x = images()
    expected = plain_offsets(state, encoder_type, x, n_ws)
    assert expected[0].sub(expected[1]).abs().max() > 1e-4  # the codes depend on the image
    with torch.inference_mode():
        # A code in W starts from the first row, as in e4e.
        offsets = encoder(x) - (latent_avg[:1] if encoder_type in POOLED else latent_avg)
    torch.testing.assert_close(offsets, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("legacy", [False, True])
def test_old_and_new_torch_files(tmp_path, legacy):
    state = writers.psp_state("GradualStyleEncoder", n_ws=4, w_dim=7)
    options = {"encoder_type": "GradualStyleEncoder", "latent_avg": torch.zeros(4, 7)}
    encoder = read(tmp_path / "e.pt", state, legacy=legacy, **options)
    with torch.inference_mode():
        codes = encoder(images(1))
    assert codes.shape == (1, 4, 7)


def test_decoder_tells_the_mean_and_the_number_of_layers(tmp_path):
    module = tiny_module(16, z_dim=7)
    state = writers.psp_state("SingleStyleCodeEncoder", n_ws=6, w_dim=7)
    path = tmp_path / "e.pt"
    encoder = read(path, state, module, encoder_type="SingleStyleCodeEncoder")
    assert encoder.n_ws == module.config.n_ws
    _, tensors, _ = checkpoints.read_generator(path)
    expected = tensors["mapping.w_avg"].expand(6, 7)
    torch.testing.assert_close(encoder.latent_avg, expected)
    assert expected.abs().max() > 0


def test_absolute_codes(tmp_path):
    state = writers.psp_state("GradualStyleEncoder", n_ws=4, w_dim=7)
    options = {"encoder_type": "GradualStyleEncoder", "start_from_latent_avg": False}
    encoder = read(tmp_path / "e.pt", state, **options)
    assert encoder.latent_avg.abs().max() == 0


def test_one_mean_for_all_layers(tmp_path):
    state = writers.psp_state("GradualStyleEncoder", n_ws=4, w_dim=7)
    average = torch.arange(7.0)
    encoder = read(
        tmp_path / "e.pt", state, latent_avg=average[None], encoder_type="GradualStyleEncoder"
    )
    assert torch.equal(encoder.latent_avg, average.expand(4, 7))


def test_cars_have_their_own_input_size(tmp_path):
    state = writers.psp_state("Encoder4Editing", n_ws=4, w_dim=7)
    options = {"encoder_type": "Encoder4Editing", "dataset_type": "cars_encode"}
    encoder = read(tmp_path / "e.pt", state, latent_avg=torch.zeros(4, 7), **options)
    assert encoder.input_size == (192, 256)
    x = images(1, (192, 256))
    expected = plain_offsets(state, "Encoder4Editing", x, 4)
    with torch.inference_mode():
        torch.testing.assert_close(encoder(x), expected, rtol=1e-4, atol=1e-4)


def test_bodies_have_their_own_input_size(tmp_path):
    """As StyleGAN-Human's e4e, whose decoder shows the shape of the images."""
    module = tiny_module(16, z_dim=7, const_size=(4, 2))
    state = writers.psp_state("Encoder4Editing", n_ws=6, w_dim=7)
    options = {"encoder_type": "Encoder4Editing"}
    encoder = read(tmp_path / "e.pt", state, module, latent_avg=torch.zeros(6, 7), **options)
    assert encoder.input_size == (256, 128)
    x = images(1, (256, 128))
    expected = plain_offsets(state, "Encoder4Editing", x, 6)
    with torch.inference_mode():
        torch.testing.assert_close(encoder(x), expected, rtol=1e-4, atol=1e-4)

    converted = convert(tmp_path / "e.pt", tmp_path / "e.safetensors").encoder
    copy = load_encoder(converted.file)
    assert copy.input_size == (256, 128)
    with torch.inference_mode():
        torch.testing.assert_close(copy.module(x), expected, rtol=1e-4, atol=1e-4)


def test_an_encoder_of_an_unknown_shape_is_refused(tmp_path):
    module = tiny_module(16, z_dim=7, const_size=(3, 4))
    state = writers.psp_state("Encoder4Editing", n_ws=6, w_dim=7)
    with pytest.raises(CheckpointError, match="its decoder starts at 3 x 4 pixels"):
        read(tmp_path / "e.pt", state, module, encoder_type="Encoder4Editing")


@pytest.mark.parametrize("size", [(64, 64), (300, 200), (512, 512)])
def test_images_of_other_sizes_are_resampled(tmp_path, size):
    state = writers.psp_state("Encoder4Editing", n_ws=4, w_dim=7)
    encoder = read(
        tmp_path / "e.pt", state, latent_avg=torch.zeros(4, 7), encoder_type="Encoder4Editing"
    )
    x = images(1, size)
    resampled = F.interpolate(x, (256, 256), mode="bilinear", antialias=True)
    with torch.inference_mode():
        torch.testing.assert_close(encoder(x), encoder(resampled))


@pytest.mark.parametrize("kind", ["faces", "cars", "bodies"])
def test_restyle_rounds(tmp_path, kind):
    cars, shape = kind == "cars", (4, 2) if kind == "bodies" else (4, 4)
    module = tiny_module(16, z_dim=7, const_size=shape)
    encoder_type = "BackboneEncoder"
    state = writers.psp_state(encoder_type, n_ws=6, w_dim=7, in_channels=6)
    average = torch.randn(6, 7)
    dataset = {"dataset_type": "cars_encode"} if cars else {}
    decoder = module if kind == "bodies" else None
    encoder = read(
        tmp_path / "e.pt", state, decoder, latent_avg=average, encoder_type=encoder_type, **dataset
    )
    assert encoder.needs_generator
    size = (192, 256) if cars else (256, 64 * shape[1])
    x = images(2, size)
    synthesis = module.synthesis
    codes = average.expand(2, 6, 7)
    with torch.inference_mode():
        for _ in range(5):
            image = F.adaptive_avg_pool2d(synthesis(codes), (256, 64 * shape[1]))
            image = image[:, :, 32:224] if cars else image
            codes = codes + plain_offsets(state, encoder_type, torch.cat([x, image], 1), 6)
        result = encoder(x, synthesis=synthesis)
        # Random rounds amplify both the codes and the rounding.
        assert (result - codes).abs().max() < 1e-4 * codes.abs().max()
        assert not torch.allclose(encoder(x, synthesis=synthesis, n_rounds=1), result)
        with pytest.raises(ValueError, match="synthesis"):
            encoder(x)


def test_codes_do_not_depend_on_the_batch(tmp_path):
    state = writers.psp_state("Encoder4Editing", n_ws=8, w_dim=7)
    encoder = read(
        tmp_path / "e.pt", state, latent_avg=torch.zeros(8, 7), encoder_type="Encoder4Editing"
    )
    x = images(3)
    with torch.inference_mode():
        together = encoder(x)
        apart = torch.cat([encoder(x[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(together, apart, rtol=1e-5, atol=1e-5)


def test_unknown_or_missing_type_is_refused(tmp_path):
    state = writers.psp_state("Encoder4Editing", n_ws=4, w_dim=7)
    for options in ({}, {"encoder_type": "TransformerEncoder"}, {"encoder_type": 3}):
        with pytest.raises(CheckpointError, match="encoder_type"):
            read(tmp_path / "e.pt", state, latent_avg=torch.zeros(4, 7), **options)


def test_missing_mean_without_decoder_is_refused(tmp_path):
    state = writers.psp_state("Encoder4Editing", n_ws=4, w_dim=7)
    with pytest.raises(CheckpointError, match="latent_avg"):
        read(tmp_path / "e.pt", state, encoder_type="Encoder4Editing")


@pytest.mark.parametrize("how", ["missing", "extra", "another dimension", "twice as long", "empty"])
@pytest.mark.parametrize("encoder_type", ["Encoder4Editing", "ResNetBackboneEncoder"])
def test_tensors_that_do_not_fit_are_refused(tmp_path, encoder_type, how):
    state = writers.psp_state(encoder_type, n_ws=4, w_dim=7)
    keys = [key for key in state if not key.endswith("num_batches_tracked")]
    for key in keys[:: max(1, len(keys) // 15)]:
        spoiled = spoil(state, how, key)
        with pytest.raises(CheckpointError, match=r"e\.pt"):
            read(
                tmp_path / "e.pt", spoiled, latent_avg=torch.zeros(4, 7), encoder_type=encoder_type
            )


def test_rows_of_the_mean_code_belong_to_layers(tmp_path):
    """A code in W+ starts from all rows; the generator's mean of W is none of them."""
    module = tiny_module(16, z_dim=7)
    state = writers.psp_state("GradualStyleEncoder", n_ws=6, w_dim=7)
    rows = torch.arange(42.0).reshape(6, 7)
    path = tmp_path / "e.pt"
    encoder = read(path, state, module, latent_avg=rows, encoder_type="GradualStyleEncoder")
    assert torch.equal(encoder.latent_avg, rows)
    _, tensors, card = checkpoints.read_generator(path)
    assert "mean of W, estimated" in card["added"]
    with torch.inference_mode():
        sample = module.mapping(torch.randn(20_000, 7))
    error = (tensors["mapping.w_avg"] - sample.mean(dim=0)).abs() / sample.std(dim=0)
    assert error.max() < 0.05
    read(path, state, module, latent_avg=rows[2].expand(6, 7), encoder_type="GradualStyleEncoder")
    _, tensors, card = checkpoints.read_generator(path)
    assert torch.equal(tensors["mapping.w_avg"], rows[2]) and "added" not in card


CONTRADICTIONS = {
    "output size": {"output_size": 64},
    "two sizes": {"output_size": 16, "stylegan_size": 32},
    "size that is no power of two": {"output_size": 100},
    "size that is text": {"stylegan_size": "16"},
    "six channels": {"input_nc": 6},
    "learned in W": {"learn_in_w": True},
    "start": {"start_from_latent_avg": "yes"},
    "five rows": {"latent_avg": torch.zeros(5, 7)},
    "rows of another width": {"latent_avg": torch.zeros(6, 8)},
    "decoder of another size": {"module": tiny_module(8, z_dim=7)},
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_contradictions_are_refused(tmp_path, name):
    state = writers.psp_state("GradualStyleEncoder", n_ws=6, w_dim=7)
    options = {"encoder_type": "GradualStyleEncoder", "latent_avg": torch.zeros(6, 7)}
    options |= {"output_size": 16, "learn_in_w": False, "module": tiny_module(16, z_dim=7)}
    path = tmp_path / "e.pt"
    read(path, state, **options)
    with pytest.raises(CheckpointError, match=r"e\.pt"):
        read(path, state, **options | CONTRADICTIONS[name])
