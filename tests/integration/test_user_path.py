"""A user's path from end to end: NVIDIA's pickle of 256 px, an e4e file for it, both pipelines."""

import subprocess
import sys

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from sklearn.pipeline import make_pipeline

from skstylefeat import (
    ChannelMISelector,
    ClusterAnnotator,
    HyperplaneDistance,
    LatentRegressor,
    MaxPoolReducer,
    StyleGANInverter,
    load_encoder,
    load_generator,
)
from tests.support import checkpoint_writers as writers
from tests.support.networks import tiny_module

N_IMAGES = 24
LAYERS = ["b8.conv1", "b16.conv1", "b256.conv1"]
IN_A_FRESH_PROCESS = (
    "import sys, joblib, numpy as np; "
    "np.savez(sys.argv[3], *[pipe.predict(sys.argv[2]) for pipe in joblib.load(sys.argv[1])])"
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The two files, with few channels and random weights."""
    folder = tmp_path_factory.mktemp("weights")
    module = tiny_module(256, channels=[8, 8, 8, 6, 4, 4, 3], z_dim=10, w_dim=10, conv_clamp=256.0)
    state = writers.psp_state("Encoder4Editing", n_ws=14, w_dim=10, n_units=1)
    pickle, e4e = folder / "stylegan2-ffhq-256x256.pkl", folder / "e4e_ffhq_encode.pt"
    writers.write_nvidia(pickle, module)
    writers.write_psp(
        e4e,
        state,
        module,
        encoder_type="Encoder4Editing",
        stylegan_size=256,
        latent_avg=module.mapping.w_avg.expand(14, -1).clone(),
    )
    return str(pickle), str(e4e)


@pytest.fixture(scope="module")
def faces(files, tmp_path_factory):
    """A folder of pictures of the generator, degrees that moved them, and names of the sides."""
    folder = tmp_path_factory.mktemp("images")
    generator = load_generator(files[0])
    rng = np.random.default_rng(0)
    w = generator.mapping(generator.sample_z(N_IMAGES, random_state=0))
    direction = np.linalg.svd(w - w.mean(axis=0))[2][0]
    degrees = rng.uniform(-45, 45, N_IMAGES)
    w = w + (degrees / 15)[:, None].astype(np.float32) * direction
    made = generator.synthesis(w).transpose(0, 2, 3, 1)
    for i, image in enumerate(np.rint((made + 1).clip(0, 2) * 127.5).astype(np.uint8)):
        Image.fromarray(image).save(folder / f"{i:02}.png", compress_level=1)
    return str(folder), degrees, np.where(degrees > 0, "right", "left")


def annotator(files):
    return make_pipeline(
        StyleGANInverter(generator=files[0], encoder=files[1], output="features", layers=LAYERS),
        ChannelMISelector(2, random_state=0),
        MaxPoolReducer(),
        ClusterAnnotator(n_clusters=3, random_state=0),
    )


def regressor(files):
    return make_pipeline(
        StyleGANInverter(generator=files[0], encoder=files[1]),
        HyperplaneDistance(),
        LatentRegressor(),
    )


def test_latents_are_the_codes_of_the_two_files(files, faces):
    inverter = StyleGANInverter(generator=files[0], encoder=files[1]).fit(faces[0])
    latents = inverter.transform(faces[0])
    assert latents.shape == (N_IMAGES, 14 * 10) and latents.dtype == np.float32
    pixels = np.stack([np.asarray(Image.open(f"{faces[0]}/{i:02}.png")) for i in range(3)])
    codes = load_encoder(files[1]).encode(pixels / np.float32(255))
    assert_allclose(latents[:3], codes.reshape(3, -1), rtol=1e-3, atol=1e-4)
    made = inverter.inverse_transform(latents[:2])
    assert made.shape == (2, 256, 256, 3)
    alone = StyleGANInverter(generator=files[1]).fit(faces[0])  # it holds the generator too
    assert_allclose(alone.transform(faces[0]), latents, rtol=1e-3, atol=1e-4)
    assert_allclose(alone.inverse_transform(latents[:2]), made, atol=1e-4)


def test_pipelines_fit_predict_and_move_to_another_process(files, faces, tmp_path):
    folder, degrees, names = faces
    pipes = annotator(files).fit(folder, names), regressor(files).fit(folder, degrees)
    sides, angles = (pipe.predict(folder) for pipe in pipes)
    assert set(sides) <= {"left", "right"}
    assert len(pipes[0][:-1].get_feature_names_out()) == 6
    assert np.corrcoef(angles, degrees)[0, 1] > 0.5
    path = tmp_path / "pipes.joblib"
    joblib.dump(pipes, path)
    assert path.stat().st_size < 100_000  # the networks stay in their files
    arguments = [path, folder, tmp_path / "there.npz"]
    subprocess.run([sys.executable, "-c", IN_A_FRESH_PROCESS, *map(str, arguments)], check=True)
    with np.load(tmp_path / "there.npz") as there:
        assert_array_equal(there["arr_0"], sides)
        assert_allclose(there["arr_1"], angles, rtol=1e-3, atol=1e-2)


def test_few_steps_from_the_encoder_bring_the_pictures_nearer(files, faces):
    settings = {"generator": files[0], "encoder": files[1]}
    few = [f"{faces[0]}/{i:02}.png" for i in range(2)]
    encoder = StyleGANInverter(**settings).fit(few)
    hybrid = StyleGANInverter(method="hybrid", n_steps=5, **settings).fit(few)
    assert (hybrid.reconstruction_errors(few) < encoder.reconstruction_errors(few)).all()
