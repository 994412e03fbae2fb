"""Commands that train a generator and its encoder on a folder of photos."""

import argparse
import hashlib
import re

import numpy as np
import pytest
from PIL import Image

from skstylefeat import load_encoder, load_generator
from skstylefeat.__main__ import main
from skstylefeat._commands import _training_commands as commands
from skstylefeat.networks.encoders import _native
from skstylefeat.networks.training import GeneratorTrainer, _generator_recipe, _sample_sheet


@pytest.fixture(autouse=True)
def _narrow_networks(monkeypatch):
    monkeypatch.setattr(_native, "WIDTHS_FROM_4PX", (24, 16))
    monkeypatch.setattr(_generator_recipe, "CHANNELS", (8, 8, 8))


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """60 files of 12 x 12 pixels in two colors."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for i in range(60):
        color = [(200, 30, 30), (30, 30, 200)][i % 2]
        pixels = color + rng.integers(0, 40, (12, 12, 3))
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{i}.png")
    return folder


def run(*words):
    return main([str(word) for word in words])


def train_generator(photos, out, *words):
    size = () if "--size" in words else ("--size", 8)
    return run("train-generator", photos, *size, "--out", out, "--batch-size", 8, *words)


def test_from_photos_to_a_generator_and_its_encoder(photos, tmp_path, capsys):
    out = tmp_path / "made" / "g.safetensors"
    assert train_generator(photos, out, "--images", 16) == 0
    printed = capsys.readouterr().out
    assert "60 photos read, 8 x 8 pixels." in printed
    assert re.search(r"\d+ images per second in (float32|bfloat16) on \w+: 16 images take", printed)
    assert re.search(r"16 images, [\d.]+ per second, 0.00 h left; critic [\d.]+, gen", printed)
    with Image.open(tmp_path / "made" / "g-samples.png") as sheet:
        assert sheet.size == (512, 512)

    card = load_generator(out).card
    names = "\n".join(f"{i}.png" for i in range(60))
    assert card["data_names_sha256"] == hashlib.sha256(names.encode()).hexdigest()
    assert card["data"] == f"60 photos of {photos.name}" and card["images_seen"] == "16"
    assert card["name"] == "g" and card["random_state"] == "0" and "gamma=0.05" in card["recipe"]
    assert len(card["data_pixels_sha256"]) == 64 and "photos" in card["license"]

    # The same command with a higher goal goes on.
    assert train_generator(photos, out, "--images", 32) == 0
    printed = capsys.readouterr().out
    assert "is continued" in printed and "32 images, " in printed
    assert load_generator(out).card["images_seen"] == "32"
    next_command = re.search(r"Next: python -m skstylefeat (.*) PHOTOS --out (.*)", printed)

    words = [*next_command[1].split(), photos, "--out", next_command[2], "--steps", 4]
    assert run(*words, "--batch-size", 4) == 0
    printed = capsys.readouterr().out
    assert re.search(r"step 4 of 4, -?[\d.]+ dB, 0.0 min left; latent", printed)
    encoder = load_encoder(next_command[2])
    assert encoder.card["generator"] == "g" and encoder.card["steps"] == "4"
    assert encoder.card["validation_psnr"].endswith("dB, 6 photos")
    assert encoder.card["generator_sha256"] == load_generator(out).sha256
    codes = encoder.encode(np.zeros((2, 8, 8, 3), dtype=np.float32))
    assert codes.shape == (2, 4, 128) and np.isfinite(codes).all()


def test_quiet_prints_nothing(photos, tmp_path, capsys):
    out = tmp_path / "g.safetensors"
    words = ["--images", 8, "--quiet", "--no-mirror", "--no-augment", "--gamma", 1]
    assert train_generator(photos, out, *words) == 0
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err == ""
    recipe = load_generator(out).card["recipe"]
    assert "mirror=False" in recipe and "augment='none'" in recipe and "gamma=1.0" in recipe


def test_hours_end_both_trainings(photos, tmp_path, capsys):
    out = tmp_path / "g.safetensors"
    assert train_generator(photos, out, "--hours", 1e-9) == 0
    printed = capsys.readouterr().out
    assert "images in 1e-09 hours" in printed and "8 images, " in printed
    encoder = tmp_path / "e.safetensors"
    words = ["--steps", 1000, "--batch-size", 4, "--hours", 1e-9]
    assert run("train-encoder", out, photos, "--out", encoder, *words) == 0
    assert "step 1 of 1000" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--size", 16], "60 of 60 photos are smaller than 16 x 16 pixels"),
        (["--box", "0,0,20,20"], "--box 0,0,20,20 does not lie inside the image"),
        (["--device", "gpu"], "--device gpu cannot be used"),
        (["--batch-size", 1], "batch_size must be at least 2"),
    ],
)
def test_what_cannot_be_trained_is_refused(photos, tmp_path, capsys, words, message):
    assert train_generator(photos, tmp_path / "g.safetensors", "--images", 8, *words) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_files_of_other_origin_are_kept(photos, tmp_path, capsys):
    out = tmp_path / "g.safetensors"
    out.write_bytes(b"precious")
    assert train_generator(photos, out, "--images", 8) == 2
    assert "exists, and there is no g-training.safetensors" in capsys.readouterr().err
    assert out.read_bytes() == b"precious"
    assert train_generator(photos, tmp_path / "g.pkl", "--images", 8) == 2
    assert "must end in .safetensors" in capsys.readouterr().err


def test_odd_photos_are_reported(photos, tmp_path, capsys):
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(20):
        with Image.open(photos / f"{i}.png") as photo:
            photo.crop((0, 0, 12, 9)).save(folder / f"{i}.png")
    (folder / "20.png").write_bytes(b"no image")
    (folder / "21.heic").write_bytes(b"")
    out = tmp_path / "g.safetensors"
    assert train_generator(folder, out, "--images", 8) == 2
    assert "--skip-unreadable leaves out" in capsys.readouterr().err
    with pytest.warns(UserWarning, match="trained on 20 images"):
        assert train_generator(folder, out, "--images", 8, "--skip-unreadable") == 0
    printed = capsys.readouterr().out
    assert "20 are not square and are squeezed" in printed and ".heic is not read" in printed
    assert "1 that cannot be read are left out, such as 20.png" in printed

    # Small photos train a generator where the user asks for it, and an encoder always.
    larger = tmp_path / "larger.safetensors"
    words = ["--size", 16, "--upscale", "--images", 8]
    assert train_generator(photos, larger, *words) == 0
    words = ["--steps", 1, "--batch-size", 4, "--no-mirror"]
    assert run("train-encoder", larger, photos, "--out", tmp_path / "e.safetensors", *words) == 0


def test_a_folder_without_readable_photos_is_refused(tmp_path, capsys):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "0.png").write_bytes(b"no image")
    words = ["--skip-unreadable", "--images", 8]
    assert train_generator(folder, tmp_path / "g.safetensors", *words) == 2
    assert "None of the 1 images" in capsys.readouterr().err


def test_patterns_and_aligned_photos_are_read(photos, tmp_path, capsys):
    with pytest.warns(UserWarning, match="trained on 11 images"):
        assert train_generator(f"{photos}/1*.png", tmp_path / "g.safetensors", "--images", 8) == 0
    assert "11 photos read" in capsys.readouterr().out

    def landmarks(pixels):
        return [[4, 4], [8, 4], [6, 6], [4, 9], [8, 9]]

    arguments = argparse.Namespace(photos=photos, align=landmarks, skip_unreadable=False)
    arguments.box, arguments.filter = None, "lanczos"
    found, card = commands._read_photos(arguments, (8, 8), print)
    assert found.shape == (60, 8, 8, 3) and found.dtype == np.uint8 and found.std() > 10
    assert "landmarks" in card["data_align"]


def test_stopped_and_diverged_trainings_end_in_a_sentence(photos, tmp_path, capsys, monkeypatch):
    def stop(generator, path):
        raise KeyboardInterrupt

    out = tmp_path / "g.safetensors"
    with monkeypatch.context() as patch:
        patch.setattr(_sample_sheet, "write_sample_sheet", stop)
        assert train_generator(photos, out, "--images", 8) == 130
    assert "the same command continues it" in capsys.readouterr().err
    assert train_generator(photos, out, "--images", 8) == 0

    monkeypatch.setattr(GeneratorTrainer, "update", lambda trainer: {"critic": float("nan")})
    assert train_generator(photos, tmp_path / "other.safetensors", "--images", 8) == 2
    assert "larger gamma or a smaller learning_rate" in capsys.readouterr().err


def test_estimates_of_time():
    where = "float32 on cpu"
    assert commands._estimate(10.0, 36_000, None, where).endswith("take about 1.0 hours.")
    assert commands._estimate(10.0, None, 2, where).endswith("about 72,000 images in 2 hours.")
    assert "--hours 0.5 ends" in commands._estimate(10.0, 36_000, 0.5, where)
    assert "NVIDIA's" in commands._estimate(10.0, 36_000_000, None, where)
