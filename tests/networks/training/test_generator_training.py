"""Training of a generator: what it learns, its seeds, its checkpoint, and the input it refuses."""

import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch

from skstylefeat.networks import GeneratorRecipe, load_generator, train_generator
from skstylefeat.networks.training import _precision
from skstylefeat.networks.training._discriminator import Discriminator
from skstylefeat.networks.training._generator_trainer import GeneratorTrainer, gradient_penalty
from skstylefeat.networks.training._precision import has_bfloat16, resolve_precision
from skstylefeat.networks.training._sample_sheet import write_sample_sheet
from skstylefeat.networks.training._train_generator import images_per_second

SMALL = {"channels": (8, 8), "z_dim": 8, "w_dim": 8, "n_mapping": 2, "batch_size": 4}
CPU = torch.device("cpu")


def two_colors(n=60, side=8):
    """Return photos (n, 8, 8, 3) that are dark red or bright blue, with little noise."""
    rng = np.random.default_rng(0)
    colors = np.array([[120, 20, 20], [40, 60, 220]])[rng.integers(2, size=n)]
    return (colors[:, None, None] + rng.integers(0, 20, (n, side, side, 3))).astype(np.uint8)


def train(images=None, n_steps=6, **kwargs):
    recipe = GeneratorRecipe(**(SMALL | kwargs.pop("recipe", {})))
    kwargs = {"random_state": 0, "precision": "float32", "device": "cpu"} | kwargs
    images = two_colors() if images is None else images
    return train_generator(images, recipe=recipe, n_images=n_steps * recipe.batch_size, **kwargs)


def assert_equal_weights(a, b):
    for name, value in a.module.state_dict().items():
        assert torch.equal(value, b.module.state_dict()[name]), name


def test_samples_take_the_color_of_the_photos():
    rng = np.random.default_rng(0)
    images = (np.array([220, 20, 120]) + rng.integers(0, 20, (60, 8, 8, 3))).astype(np.uint8)
    target = images.mean(axis=(0, 1, 2)) / 127.5 - 1
    recipe = {"batch_size": 8, "learning_rate": 0.01, "gamma": 0.3, "ema_half_life": 400}

    def distance(generator):
        made = generator.synthesis(generator.mapping(generator.sample_z(64, random_state=0)))
        return np.abs(made.mean(axis=(0, 2, 3)) - target).mean()

    assert distance(train(images, n_steps=1, recipe=recipe)) > 0.3
    assert distance(train(images, n_steps=60, recipe=recipe)) < 0.1


def test_the_critic_tells_photos_from_samples():
    recipe = GeneratorRecipe(**SMALL, learning_rate=0.01, augment="none")
    trainer = GeneratorTrainer(two_colors(), recipe, 0, CPU, "float32")
    losses = []
    for trainer.step in range(100):
        losses.append(trainer._update_critic(trainer._real_batch()))
    assert np.mean(losses[-5:]) < 0.5 * losses[0]
    # The deviation within a group of images is part of what it sees.
    images = torch.randn(8, 3, 8, 8)
    critic = Discriminator((8, 8))
    alone = torch.cat([critic(images[i : i + 1]) for i in range(8)])
    assert (critic(images) - alone).abs().max() > 1e-4


def test_gradient_penalty_against_finite_differences():
    torch.manual_seed(0)
    critic = Discriminator((4, 4)).double()
    images = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    penalty = gradient_penalty(critic, images)

    gradient, step = torch.zeros_like(images), 1e-5
    for index in np.ndindex(*images.shape):
        for sign in (1, -1):
            moved = images.clone()
            moved[index] += sign * step
            gradient[index] += sign * critic(moved).sum().detach() / (2 * step)
    expected = gradient.square().sum(dim=(1, 2, 3)).mean()
    torch.testing.assert_close(penalty.detach(), expected, rtol=1e-5, atol=0)

    # Its own gradient, by one weight: the second derivative.
    penalty.backward()
    weight = critic.from_rgb.weight
    found = weight.grad[0, 0, 0, 0].item()
    values = []
    for sign in (1, -1):
        with torch.no_grad():
            weight[0, 0, 0, 0] += sign * step
        values.append(gradient_penalty(critic, images).item())
        with torch.no_grad():
            weight[0, 0, 0, 0] -= sign * step
    assert found == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-4)


def test_the_probability_of_transforms_follows_the_critic():
    def final(target):
        recipe = {"augment_target": target, "augment_images": 64}
        return float(train(n_steps=16, recipe=recipe).card["augmentation"])

    assert final(-0.9) > 0.3  # few scores of photos are all negative
    assert final(1.0) < 0.1
    assert float(train(recipe={"augment": "none"}).card["augmentation"]) == 0


def test_every_photo_comes_once_per_round():
    images = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones((8, 8, 3), np.uint8)
    recipe = GeneratorRecipe(**SMALL | {"mirror": False})
    trainer = GeneratorTrainer(images, recipe, 0, CPU, "float32")
    seen = []
    for trainer.step in range(5):
        batch = (trainer._real_batch()[:, 0, 0, 0] + 1) * 127.5
        seen += batch.round().int().tolist()
    assert sorted(seen[:10]) == sorted(seen[10:]) == list(range(10)) and seen[:10] != seen[10:]


def test_photos_are_mirrored_unless_left_and_right_differ():
    ramp = np.repeat(np.arange(8, dtype=np.uint8)[None, :, None] * 30, 8, axis=0)
    images = np.repeat(ramp, 3, axis=2)[None].repeat(30, axis=0)
    for mirror, expected in ((True, 2), (False, 1)):
        recipe = GeneratorRecipe(**SMALL | {"batch_size": 30, "mirror": mirror})
        batch = GeneratorTrainer(images, recipe, 0, CPU, "float32")._real_batch()
        assert len(batch[:, 0, 0, 0].unique()) == expected


def test_a_seed_is_a_training():
    a, b, other = train(), train(), train(random_state=1)
    assert_equal_weights(a, b)
    assert not torch.equal(a.module.synthesis.b4.const, other.module.synthesis.b4.const)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train(n_steps=1)
    assert torch.equal(torch.rand(3), expected)  # the user's random numbers are left alone


def test_a_killed_training_goes_on_as_if_never_stopped(tmp_path):
    path = tmp_path / "state.safetensors"
    np.save(tmp_path / "photos.npy", two_colors())
    script = f"""
        import os, signal, numpy as np, torch
        from skstylefeat.networks import GeneratorRecipe, train_generator

        torch.set_num_threads({torch.get_num_threads()})  # sums depend on it

        def kill(report):
            if report.images_seen == 20:
                os.kill(os.getpid(), signal.SIGKILL)

        train_generator(
            np.load({str(tmp_path / "photos.npy")!r}), recipe=GeneratorRecipe(**{SMALL}),
            n_images=36, random_state=0, device="cpu", precision="float32",
            checkpoint={str(path)!r}, report_seconds=1e-9, callback=kill,
        )
    """
    process = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert process.returncode == -signal.SIGKILL and path.exists()
    seen = []
    resumed = train(
        n_steps=9,
        checkpoint=path,
        report_seconds=1e-9,
        callback=lambda report: seen.append(report.images_seen),
    )
    assert seen == [24, 28, 32, 36]
    assert_equal_weights(resumed, train(n_steps=9))
    # A finished training is only read.
    assert_equal_weights(train(n_steps=9, checkpoint=path), resumed)


def test_other_trainings_are_refused(tmp_path):
    path = tmp_path / "state.safetensors"
    train(checkpoint=path)
    for change, named in [
        ({"images": two_colors(61)}, "images"),
        ({"recipe": {"gamma": 3.0}}, "settings"),
        ({"random_state": 1}, "random_state"),
    ]:
        with pytest.raises(ValueError, match=f"another training, with another {named}"):
            train(**change, checkpoint=path)
    path.write_bytes(b"damaged")
    with pytest.warns(UserWarning, match="cannot be read"):
        train(checkpoint=path)


def test_bfloat16_stays_near_float32():
    narrow, full = (train(precision=name, n_steps=1) for name in ("bfloat16", "float32"))
    for name, value in narrow.module.state_dict().items():
        assert value.dtype == torch.float32 and value.isfinite().all()
        torch.testing.assert_close(value, full.module.state_dict()[name], atol=0.02, rtol=0.02)
    assert not torch.equal(
        narrow.module.synthesis.b8.conv1.weight, full.module.synthesis.b8.conv1.weight
    )


def test_auto_takes_bfloat16_where_the_processor_has_matrix_units(monkeypatch):
    for present, expected in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda p=present: p, raising=False)
        assert resolve_precision("auto", CPU) == expected
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported")
    assert not has_bfloat16(CPU) and not has_bfloat16(torch.device("mps"))
    assert resolve_precision("bfloat16", CPU) == "bfloat16"
    monkeypatch.setattr(_precision.torch.cuda, "get_device_capability", lambda device: (7, 0))
    assert not has_bfloat16(torch.device("cuda"))
    with pytest.raises(ValueError, match="precision must be"):
        resolve_precision("float16", CPU)


def test_losses_without_a_number_end_the_training(tmp_path):
    path = tmp_path / "state.safetensors"
    with pytest.raises(FloatingPointError, match="larger gamma or a smaller learning_rate"):
        train(n_steps=20, recipe={"learning_rate": 1e20}, checkpoint=path, report_seconds=100)
    assert not path.exists()


def test_reports_and_ends(tmp_path):
    reports = []
    generator = train(n_steps=3, report_seconds=1e-9, callback=reports.append)
    assert [report.images_seen for report in reports] == [4, 8, 12]
    assert [report.finished for report in reports] == [False, False, True]
    assert set(reports[0].losses) == {"critic", "generator"}
    assert reports[0].images_per_second > 0 and reports[2].seconds > reports[0].seconds
    assert generator.card["images_seen"] == "12" and generator.card["training_images"] == "60"
    assert "gamma=0.05" in generator.card["recipe"]

    stopped = train(n_steps=3, report_seconds=1e-9, callback=lambda report: True)
    assert stopped.card["images_seen"] == "4"
    timed = train_generator(
        two_colors(), recipe=GeneratorRecipe(**SMALL), n_images=None, max_seconds=1e-9, device="cpu"
    )
    assert timed.card["images_seen"] == "4"

    path = tmp_path / "generator.safetensors"
    generator.save(path)
    assert_equal_weights(load_generator(path), generator)
    write_sample_sheet(generator, tmp_path / "sheet.png")
    assert images_per_second(8, GeneratorRecipe(**SMALL), device="cpu") > 0


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((60, 8, 9, 3), np.uint8), "squares in color"),
        (np.zeros((60, 8, 8), np.uint8), "squares in color"),
        (np.zeros((60, 12, 12, 3), np.uint8), "side of 12 pixels; expected one of"),
        (np.zeros((60, 256, 256, 3), np.uint8), "stylegan2-ada-pytorch"),
        (np.zeros((1, 8, 8, 3), np.uint8), "at least 2"),
        (np.zeros((60, 8, 8, 3), np.int64), "dtype int64"),
    ],
)
def test_photos_are_checked(images, message):
    with pytest.raises(ValueError, match=message):
        train(images)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 1}, "batch_size must be at least 2"),
        ({"learning_rate": 0.0}, "learning_rate must be positive"),
        ({"gamma": -1.0}, "gamma must be 0 or positive"),
        ({"augment": "always"}, "augment must be"),
        ({"channels": (8,)}, "channels has 1 entries"),
    ],
)
def test_recipes_are_checked(settings, message):
    with pytest.raises(ValueError, match=message):
        train(recipe=settings)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_images": None}, "no end"),
        ({"n_images": 0}, "n_images must be at least 1"),
        ({"report_seconds": 0}, "report_seconds must be positive"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        train_generator(two_colors(), recipe=GeneratorRecipe(**SMALL), **arguments)


def test_few_photos_are_reported():
    with pytest.warns(UserWarning, match="trained on 10 images. It will hardly do more than"):
        train(two_colors(10), n_steps=1)
