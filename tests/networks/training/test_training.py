"""Training of an encoder: what it learns, its seeds, its checkpoint, and the input it refuses."""

import copy

import numpy as np
import pytest
import torch
from safetensors import safe_open

from skstylefeat.networks import Encoder, EncoderRecipe, Generator, load_encoder, train_encoder
from skstylefeat.networks.encoders import _native
from skstylefeat.networks.encoders._native import EncoderConfig, EncoderNetwork
from skstylefeat.networks.stylegan2._generator_config import GeneratorConfig
from skstylefeat.networks.stylegan2._network import StyleGAN2Generator
from skstylefeat.networks.training import EncoderTrainer, _precision
from skstylefeat.networks.training._recipe import to_network
from skstylefeat.networks.training._train import reconstruction_psnr


@pytest.fixture(autouse=True)
def _narrow_encoders(monkeypatch):
    monkeypatch.setattr(_native, "WIDTHS_FROM_4PX", (24, 16))


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(0)
    module = StyleGAN2Generator(GeneratorConfig(8, (16, 16), 16, 16, 2))
    return Generator(module, name="small")


@pytest.fixture(scope="module")
def images(generator):
    with torch.no_grad():
        x = generator.module(torch.randn(64, 16, generator=torch.Generator().manual_seed(1)))
    return ((x.clamp(-1, 1) + 1) * 127.5).byte().permute(0, 2, 3, 1).numpy()


def train(generator, images, n_steps=4, **kwargs):
    """Train a small encoder, by default for four steps from seed 0; return its module."""
    recipe = EncoderRecipe(n_steps=n_steps, batch_size=4, **kwargs.pop("recipe", {}))
    kwargs = {"random_state": 0} | kwargs
    return train_encoder(generator, images, recipe=recipe, **kwargs).module


def assert_equal_weights(a, b):
    for name, value in a.state_dict().items():
        assert torch.equal(value, b.state_dict()[name]), name


def test_training_improves_the_reconstruction(generator, images):
    psnrs, losses = [], []

    def callback(report):
        psnrs.append(report.validation_psnr)
        losses.append(report.losses["latent"])

    train(
        generator,
        images[:48],
        n_steps=150,
        validation_images=images[48:],
        report_every=10,
        callback=callback,
    )
    assert len(psnrs) == 15
    assert psnrs[-1] > psnrs[0] + 1.0
    assert losses[-1] < 0.9 * losses[0]


def test_same_seed_same_weights_other_seed_others(generator, images):
    first = train(generator, images, random_state=3)
    torch.rand(7)  # the global state must not matter
    assert_equal_weights(first, train(generator, images, random_state=3))
    other = train(generator, images, random_state=4)
    assert not torch.equal(first.base.weight, other.base.weight)


def test_training_leaves_the_global_random_state_and_the_generator(generator, images):
    before = copy.deepcopy(generator.module.state_dict())
    state = torch.get_rng_state()
    train(generator, images)
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(parameter.requires_grad for parameter in generator.module.parameters())
    for name, value in generator.module.state_dict().items():
        assert torch.equal(value, before[name])


class Stop(Exception):
    pass


def test_resumed_training_equals_the_whole_one(generator, images, tmp_path):
    path = tmp_path / "checkpoint.safetensors"

    def stop(report):
        if report.step == 3:
            raise Stop

    kwargs = {"n_steps": 6, "checkpoint": path, "checkpoint_seconds": 0.0, "report_every": 1}
    with pytest.raises(Stop):
        train(generator, images, callback=stop, **kwargs)
    steps = []
    resumed = train(generator, images, callback=lambda report: steps.append(report.step), **kwargs)
    assert steps == [4, 5, 6]
    assert_equal_weights(resumed, train(generator, images, n_steps=6))
    assert [entry.name for entry in tmp_path.iterdir()] == ["checkpoint.safetensors"]


def test_checkpoint_of_another_training_is_refused(generator, images, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    train(generator, images, checkpoint=path)
    with pytest.raises(ValueError, match=r"another training, with another recipe\."):
        train(generator, images, checkpoint=path, n_steps=5)


def test_checkpoint_of_other_networks_or_images_is_refused(generator, images, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    train(generator, images, checkpoint=path)
    before = path.read_bytes()
    other = copy.deepcopy(generator.module)
    with torch.no_grad():
        other.mapping.fc0.bias += 1e-3
    changed = images.copy()
    changed[-1, 0, 0, 0] ^= 1
    init = Encoder(train(generator, images, n_steps=1))
    for arguments, name in (
        ((Generator(other, name="small"), images), "generator"),
        ((generator, changed), "images"),
        ((generator, images[:-1]), "images"),
        ((generator, None), "images"),
        ((generator, lambda rng, n: images[:n]), "images"),
        ((generator, images), "init"),
    ):
        with pytest.raises(ValueError, match=rf"another training, with another {name}\."):
            train(*arguments, checkpoint=path, init=init if name == "init" else None)
    assert path.read_bytes() == before
    train(generator, images.copy(), checkpoint=path)  # the same images elsewhere in memory


def test_init_continues_from_given_weights(generator, images):
    first = train(generator, images, n_steps=30)
    recipe = {"learning_rate": 1e-9, "ema_half_life": 1e6}
    init = Encoder(first)
    second = train(generator, images, n_steps=1, init=init, recipe=recipe)
    torch.testing.assert_close(second.base.weight, first.base.weight, atol=1e-6, rtol=0)


def test_every_loss_takes_part(generator, images):
    weights = {"synthetic_image_weight": 1.0, "image_weight": 0.3, "offset_weight": 0.5}
    reports = []
    recipe = {"recipe": weights, "callback": reports.append, "report_every": 1}
    with_all = train(generator, images, n_steps=2, **recipe)
    assert set(reports[0].losses) == {"latent", "offset", "synthetic image", "image"}
    for name in weights:
        without = train(generator, images, n_steps=2, recipe=weights | {name: 0.0})
        assert not torch.equal(with_all.base.weight, without.base.weight), name


def test_trainer_with_a_further_loss(generator, images):
    class Small(EncoderTrainer):
        def further_losses(self, batch, rng):
            return {"size": (1.0, batch.offsets.square().mean())}

    reports = []
    plain = train(generator, images)
    other = train(generator, images, trainer=Small, callback=reports.append)
    assert reports[-1].losses["size"] > 0
    assert not torch.equal(plain.base.weight, other.base.weight)


def test_callback_that_ends_the_training_leaves_a_checkpoint(generator, images, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    options = {"report_every": 1, "checkpoint": path}
    train(generator, images, callback=lambda report: report.step == 2, **options)
    reports = []
    resumed = train(generator, images, callback=reports.append, **options)
    assert [report.step for report in reports] == [3, 4]
    assert_equal_weights(resumed, train(generator, images))


def test_without_images_only_known_codes_are_learned(generator):
    reports = []
    train(generator, None, callback=reports.append)
    assert set(reports[-1].losses) == {"latent", "offset", "synthetic image"}


def test_images_made_on_the_fly(generator, images):
    drawn = []

    def draw(rng, n):
        rows = rng.integers(len(images), size=n)
        drawn.append(rows)
        return images[rows]

    train(generator, draw, n_steps=3)
    assert [len(rows) for rows in drawn] == [4, 4, 4]
    assert not np.array_equal(drawn[0], drawn[1])


def test_float_and_uint8_images_train_alike(generator, images):
    a = train(generator, images)
    b = train(generator, images.astype(np.float32) / 255.0)
    torch.testing.assert_close(a.base.weight, b.base.weight, atol=1e-4, rtol=0)


def test_read_only_memory_map(generator, images, tmp_path):
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    assert_equal_weights(train(generator, mapped), train(generator, images))


def test_conditional_generator(images):
    torch.manual_seed(0)
    module = StyleGAN2Generator(GeneratorConfig(8, (8, 8), 8, 8, 2, c_dim=3))
    assert train(Generator(module), images).config.w_dim == 8


def test_time_bound_ends_the_training_with_small_steps(generator, images):
    reports = []
    train(generator, images, n_steps=10**6, max_seconds=0.5, callback=reports.append)
    assert reports[-1].step < 10**6
    assert reports[-1].seconds < 5.0


def test_psnr_of_a_known_error(generator, images):
    class Mean(torch.nn.Module):
        def forward(self, x):
            return module.mapping.w_avg.expand(len(x), 4, -1)

    module = generator.module
    with torch.no_grad():
        one = module.synthesis(module.mapping.w_avg.expand(1, 4, -1)).clamp(-1, 1)
    error = (one - to_network(images)).square().mean().item()
    psnr = reconstruction_psnr(module, Mean(), images)
    assert psnr == pytest.approx(10 * np.log10(4 / error), abs=1e-4)


def test_augmentation_moves_pixels_only_as_far_as_asked():
    rng = np.random.default_rng(0)
    still = EncoderRecipe(mirror=False, max_shift=0.0, max_brightness=0.0)
    images = torch.rand(6, 3, 8, 8) * 2 - 1
    assert torch.equal(still.augment(images, rng), images)
    mirrored = EncoderRecipe(max_shift=0.0, max_brightness=0.0).augment(images, rng)
    kinds = {
        "same" if torch.equal(a, b) else "mirrored" if torch.equal(a, b.flip(2)) else "other"
        for a, b in zip(mirrored, images, strict=True)
    }
    assert kinds == {"same", "mirrored"}
    shifted = EncoderRecipe(mirror=False, max_shift=0.125, max_brightness=0.0).augment(images, rng)
    assert shifted.shape == images.shape
    assert not torch.equal(shifted, images)
    lit = EncoderRecipe(mirror=False, max_shift=0.0, max_brightness=0.1).augment(images, rng)
    assert 0 < (lit - images).abs().max() <= 0.2 + 1e-6
    assert lit.abs().max() <= 1.0


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros((4, 16, 16, 3), np.uint8), r"shape \(4, 16, 16, 3\).*\(n, 8, 8, 3\)"),
        (np.zeros((0, 8, 8, 3), np.uint8), "empty"),
        (np.zeros((4, 8, 8, 3), np.int64), "dtype int64"),
    ],
)
def test_bad_images(generator, bad, message):
    with pytest.raises(ValueError, match=message):
        train(generator, bad)


def test_init_that_does_not_fit(generator, images):
    other = Encoder(EncoderNetwork(EncoderConfig(8, n_ws=6, w_dim=16)))
    with pytest.raises(ValueError, match="n_ws of init is 6, but the generator needs 4"):
        train_encoder(generator, images, init=other)


def test_seed_is_free_without_a_checkpoint_and_fixed_with_one(generator, images, tmp_path):
    first, second = (train(generator, images, random_state=None) for _ in range(2))
    assert not torch.equal(first.base.weight, second.base.weight)
    path = tmp_path / "checkpoint.safetensors"
    fixed = train(generator, images, random_state=None, checkpoint=path)
    assert_equal_weights(fixed, train(generator, images, random_state=0))
    drawn = [train(generator, images, random_state=np.random.RandomState(3)) for _ in range(2)]
    assert_equal_weights(*drawn)


def test_result_is_an_encoder_that_knows_its_training(generator, images, tmp_path):
    reports = []
    encoder = train_encoder(
        generator,
        images,
        recipe=EncoderRecipe(n_steps=2, batch_size=4),
        random_state=0,
        report_every=1,
        callback=reports.append,
    )
    assert isinstance(encoder, Encoder) and encoder.name == "small-trained"
    assert encoder.card == {"trained_for": "small", "steps": "2"}
    assert reports[-1].encoder.module is encoder.module
    codes = encoder.encode(images / np.float32(255))
    assert codes.shape == (64, 4, 16)
    encoder.save(tmp_path / "mine.safetensors")
    loaded = load_encoder(tmp_path / "mine.safetensors")
    assert loaded.card == encoder.card
    np.testing.assert_array_equal(loaded.encode(images / np.float32(255)), codes)


def test_checkpoint_holds_tensors_and_json_only(generator, images, tmp_path):
    path = tmp_path / "folder" / "checkpoint.safetensors"
    train(generator, images, checkpoint=path)
    with safe_open(path, framework="np") as file:
        assert "encoder.base.weight" in file.keys()  # noqa: SIM118
        assert list(file.metadata()) == ["training"]


@pytest.mark.parametrize("content", [b"", b"damaged", b"\x02\0\0\0\0\0\0\0{}"])
def test_damaged_checkpoint_costs_the_training_so_far(generator, images, tmp_path, content):
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="starts from the beginning"):
        found = train(generator, images, checkpoint=path)
    assert_equal_weights(found, train(generator, images))


def test_recipe_from_strings():
    recipe = EncoderRecipe().updated(
        ["n_steps=7", "image_weight=2", "mirror=False", "precision=bfloat16"]
    )
    assert (recipe.n_steps, recipe.image_weight, recipe.mirror) == (7, 2.0, False)
    assert recipe.precision == "bfloat16"
    with pytest.raises(ValueError, match="not 'steps'"):
        recipe.updated(["steps=3"])


@pytest.mark.parametrize(("has_units", "name"), [(True, "bfloat16"), (False, "float32")])
def test_precision_of_the_processor(generator, images, monkeypatch, has_units, name):
    """By default the processor chooses, and the choice is that of its name, to the bit."""
    monkeypatch.setattr(_precision, "has_bfloat16", lambda device: has_units)
    chosen = train(generator, images, n_steps=2)
    named = {
        precision: train(generator, images, n_steps=2, recipe={"precision": precision})
        for precision in ("float32", "bfloat16")
    }
    assert_equal_weights(chosen, named[name])
    weights = [next(iter(module.parameters())) for module in named.values()]
    assert not torch.equal(*weights)
    torch.testing.assert_close(*weights, rtol=0.1, atol=0.01)


@pytest.mark.parametrize("wrong", [{"n_steps": 0}, {"batch_size": 1}, {"precision": "half"}])
def test_bad_recipe(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        EncoderRecipe(**wrong)
