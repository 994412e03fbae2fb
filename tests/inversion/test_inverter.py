"""StyleGANInverter with tiny random networks; the bundled ones have their own tests."""

import os
import pickle
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from skstylefeat import FeatureMaps, StyleGANInverter, load_encoder
from skstylefeat.networks import Generator
from skstylefeat.networks.optimization._latent_space import (
    search_space,
    style_sensitivities,
    w_statistics,
)
from skstylefeat.networks.optimization._lbfgs import BatchedLBFGS
from skstylefeat.networks.optimization._optimize import optimize_codes
from tests.support import checkpoint_writers as writers
from tests.support.estimators import tiny_images
from tests.support.networks import tiny_encoder, tiny_generator, write_pair


@pytest.fixture
def pair(tmp_path):
    return write_pair(tmp_path)


@pytest.fixture(scope="module")
def images():
    return tiny_images(7)


def inverter(pair, **kwargs):
    return StyleGANInverter(pair[0], pair[1], **({"batch_size": 3} | kwargs))


def test_latents_are_the_encoders_codes_for_every_batch_size(pair, images):
    latents = inverter(pair).fit_transform(images)
    assert latents.shape == (7, 28) and latents.dtype == np.float32
    for kwargs in ({"batch_size": 1}, {"batch_size": 100}, {"n_jobs": 2}):
        assert_allclose(
            inverter(pair, **kwargs).fit_transform(images), latents, rtol=1e-4, atol=1e-5
        )


def test_spaces(pair, images):
    w_plus = inverter(pair).fit_transform(images)
    w = inverter(pair, space="w").fit_transform(images)
    assert_allclose(w, w_plus.reshape(7, 4, 7).mean(axis=1), rtol=1e-5, atol=1e-6)
    styles = inverter(pair, space="s").fit(images)
    s = styles.transform(images)
    assert s.shape == (7, len(styles.get_feature_names_out()))
    reference = inverter(pair).fit(images)
    assert_allclose(styles.inverse_transform(s), reference.inverse_transform(w_plus), atol=1e-5)
    assert list(reference.get_feature_names_out()[[0, 27]]) == ["w0_0", "w3_6"]


def test_errors_in_w_are_those_of_the_mean_code(pair, images):
    inv = inverter(pair, space="w").fit(images)
    made = inv.inverse_transform(inv.transform(images))
    expected = np.square(made - images).mean(axis=(1, 2, 3))
    assert_allclose(inv.reconstruction_errors(images), expected, rtol=2e-5)
    # The layers of this random encoder's codes differ little, yet more than rounding.
    in_w_plus = inverter(pair).fit(images).reconstruction_errors(images)
    assert not np.allclose(in_w_plus, expected, rtol=2e-4, atol=0)


def test_features_are_lazy_and_those_of_the_latents(pair, images):
    inv = inverter(pair, output="features", layers=["b4.conv1"]).fit(images)
    maps = inv.transform(images)
    assert isinstance(maps, FeatureMaps) and [x.name for x in maps.layers] == ["b4.conv1"]
    latents = inverter(pair).fit_transform(images)
    expected = inv.generator_.features(latents, ["b4.conv1"])["b4.conv1"]
    assert_allclose(maps.layer("b4.conv1"), expected, rtol=1e-4, atol=1e-5)
    assert list(inv.get_feature_names_out()) == maps.channel_names
    assert inv.set_output(transform="pandas") is inv


def test_features_are_made_in_the_inverters_batches(pair, images, monkeypatch):
    sizes, iter_views = [], Generator.iter_views

    def counted(self, latents, *args, **kwargs):
        sizes.append(len(latents))
        return iter_views(self, latents, *args, **kwargs)

    maps = inverter(pair, output="features", batch_size=3).fit_transform(images)
    monkeypatch.setattr(Generator, "iter_views", counted)
    maps.pool()
    assert sizes == [3, 3, 1]


def test_latents_as_a_frame(pair, images):
    inv = inverter(pair).fit(images).set_output(transform="pandas")
    assert list(inv.transform(images).columns) == list(inv.get_feature_names_out())


def test_optimization_finds_the_generators_own_images(images):
    generator = tiny_generator()
    inv = StyleGANInverter(generator, method="optimize", n_steps=150, random_state=0).fit(images)
    mean = np.square(images - images.mean(axis=0)).mean()
    assert -inv.score(images) < 0.05 * mean
    refitted = clone(inv).fit(images)
    assert_array_equal(refitted.transform(images), inv.transform(images))


def test_optimized_codes_do_not_depend_on_neighbors(pair, images):
    for settings in ({"method": "optimize"}, {"method": "hybrid"}):
        inv = inverter(pair, n_steps=20, batch_size=7, **settings)
        together = inv.fit(images).transform(images)
        assert_array_equal(inv.transform(images[[4]])[0], together[4])
        assert_array_equal(inv.transform(images[::-1])[::-1], together)
        assert_array_equal(inv.set_params(batch_size=2).transform(images), together)


def test_rows_of_a_batch_are_optimized_on_their_own():
    module = tiny_generator().module
    targets = module.synthesis(search_space(module).mean + torch.randn(3, 4, 7) @ torch.eye(7))
    together, _ = optimize_codes(module, targets.detach(), n_steps=6)
    for i in range(3):
        alone, _ = optimize_codes(module, targets[[i]].detach(), n_steps=6)
        torch.testing.assert_close(alone[0], together[i], rtol=1e-3, atol=1e-3)


def test_bfgs_solves_quadratic_problems_row_by_row():
    rng = torch.Generator().manual_seed(0)
    scales = torch.logspace(0, 3, 12)
    solutions = torch.randn(5, 12, generator=rng)

    def evaluate(x, rows):
        difference = x - solutions[rows]
        return (scales * difference.square()).sum(dim=1), 2 * scales * difference

    rows = torch.arange(5)
    optimizer = BatchedLBFGS(torch.zeros(5, 12), *evaluate(torch.zeros(5, 12), rows))
    losses = [optimizer.loss]
    for step in range(80):
        optimizer.tell(*evaluate(optimizer.propose(), rows))
        losses.append(optimizer.loss)
        if step == 10:  # the others go on as if nothing had happened
            rows = rows[[0, 2, 3]]
            optimizer.keep([0, 2, 3])
            losses = [loss[[0, 2, 3]] for loss in losses]
    assert all((after <= before).all() for before, after in pairwise(losses))
    torch.testing.assert_close(optimizer.x, solutions[rows], rtol=1e-3, atol=1e-3)


def test_bfgs_steps_back_from_points_without_a_loss():
    start = torch.full((1, 1), 0.5)

    def evaluate(x):  # not a number beyond 1, and the first steps lead there
        return (x - x.log() * 1e-3 + (1 - x).sqrt() * 0)[:, 0], 1 - 1e-3 / x

    optimizer = BatchedLBFGS(start, *evaluate(start))
    for _ in range(60):
        optimizer.tell(*evaluate(optimizer.propose()))
    assert optimizer.x.item() == pytest.approx(1e-3, rel=0.05)


def test_search_space_weighs_spread_and_effect_alike():
    module = tiny_generator().module
    _mean, basis, whitening = search_space(module)
    assert basis.shape == (4, 7, 7)
    _, root = w_statistics(module)
    torch.testing.assert_close(root @ whitening, torch.eye(7), rtol=0, atol=1e-3)
    # B^T B, the geometric mean of C and the inverse of F, solves X F X = C.
    sensitivities = style_sensitivities(module)
    metric = torch.zeros(4, 7, 7, dtype=torch.float64)
    for name, index, layer in module.synthesis.modulated():
        affine = (layer.affine.weight * layer.affine.weight_gain).double()
        metric[index] += affine.T @ (sensitivities[name].double()[:, None] * affine)
    mean_of_both = basis.mT.double() @ basis.double()
    covariance = (root.T @ root).double()
    for x, f in zip(mean_of_both, metric, strict=True):
        torch.testing.assert_close(
            x @ f @ x, covariance, rtol=0, atol=0.02 * covariance.max().item()
        )
    assert search_space(module) is search_space(module)
    assert search_space(module, in_w=True).basis.shape == (1, 7, 7)


def test_optimization_in_w_stays_in_w(images):
    inv = StyleGANInverter(tiny_generator(), method="optimize", space="w", n_steps=5).fit(images)
    assert inv.transform(images).shape == (7, 7)
    assert -inv.score(images) == pytest.approx(
        np.square(inv.inverse_transform(inv.transform(images)) - images).mean(), rel=1e-4
    )


@pytest.mark.parametrize("space", ["w+", "w", "s"])
@pytest.mark.parametrize(("mirror", "sign"), [("mean", 1), ("difference", -1)])
def test_codes_are_combined_with_those_of_the_mirror_image(
    pair, images, tmp_path, space, mirror, sign
):
    settings = {"space": space, "cache_dir": tmp_path / "cache"}
    turned = images[:, :, ::-1]
    combined = inverter(pair, mirror=mirror, **settings).fit(images)
    latents = combined.transform(images)
    plain = inverter(pair, **settings).fit(images)
    there, back = plain.transform(images), plain.transform(turned)
    assert_allclose(latents, (there + sign * back) / 2, rtol=1e-3, atol=1e-5)
    assert not np.allclose(latents, there, atol=1e-3)
    assert_allclose(combined.transform(turned), sign * latents, rtol=1e-3, atol=1e-5)
    assert combined.score(images) == plain.score(images)


def test_combined_codes_with_feature_maps_are_refused(pair, images):
    with pytest.raises(ValueError, match=r"mirror='mean' needs output='latents'"):
        inverter(pair, mirror="mean", output="features").fit(images)


def test_hybrid_improves_on_the_encoder(pair, images):
    encoder = inverter(pair).fit(images)
    hybrid = inverter(pair, method="hybrid", n_steps=30, random_state=0).fit(images)
    assert (hybrid.reconstruction_errors(images) <= encoder.reconstruction_errors(images)).all()
    assert hybrid.score(images) > encoder.score(images)
    start = inverter(pair, method="hybrid", n_steps=0, random_state=0).fit_transform(images)
    assert_allclose(start, encoder.transform(images), rtol=1e-3, atol=1e-3)


@pytest.mark.filterwarnings("ignore:.*framed unlike:UserWarning")  # the images are noise
@pytest.mark.parametrize("encoder_type", ["native", "Encoder4Editing", "BackboneEncoder"])
def test_hybrid_encodes_in_batches_what_it_encodes_one_by_one(tmp_path, monkeypatch, encoder_type):
    """To the bit on a CPU, also for encoders that refine codes in rounds (ReStyle).

    All widths are multiples of four, as those of real networks are: see `in_pairs`.
    """
    generator = tiny_generator(8, w_dim=8, channels=(8, 8))
    encoder = tiny_encoder(generator)
    if encoder_type != "native":
        rounds = encoder_type == "BackboneEncoder"
        path, n_channels = tmp_path / "encoder.pt", 6 if rounds else 3
        state = writers.psp_state(encoder_type, n_ws=4, w_dim=8, in_channels=n_channels)
        writers.write_psp(path, state, latent_avg=torch.zeros(4, 8), encoder_type=encoder_type)
        encoder = load_encoder(path)
    sizes, encode = [], type(encoder).encode

    def counted(self, images, **kwargs):
        sizes.append(len(images))
        return encode(self, images, **kwargs)

    monkeypatch.setattr(type(encoder), "encode", counted)
    images = tiny_images(5)
    hybrid = StyleGANInverter(
        generator, encoder, method="hybrid", n_steps=2, batch_size=4, device="cpu"
    ).fit(images)
    hybrid.domain_error_ = np.inf
    sizes.clear()
    together = hybrid.transform(images)
    assert sizes == [4, 1]
    apart = hybrid.set_params(batch_size=1).transform(images)
    assert_array_equal(together, apart)


def test_converged_images_stop_early(monkeypatch):
    generator = tiny_generator()
    codes = torch.from_numpy(
        generator.broadcast(generator.mapping(generator.sample_z(3, 0))).copy()
    )
    targets = generator.module.synthesis(codes)
    steps, tell = [], BatchedLBFGS.tell
    monkeypatch.setattr(BatchedLBFGS, "tell", lambda *args: steps.append(1) or tell(*args))
    found, loss = optimize_codes(generator.module, targets, codes, n_steps=500)
    assert len(steps) < 100 and loss.max() < 1e-6
    torch.testing.assert_close(found, codes, rtol=1e-3, atol=1e-3)


def test_w_statistics_whiten():
    generator = tiny_generator()
    mean, basis = w_statistics(generator.module)
    w = generator.mapping(generator.sample_z(5000, random_state=1))
    whitened = np.linalg.solve(basis.numpy().T, (w - mean.numpy()).T)
    strong = np.linalg.norm(basis.numpy(), axis=1)
    strong = strong > 0.05 * strong.max()
    assert_allclose(whitened[strong].std(axis=1), 1, atol=0.1)


def test_cache_keeps_finished_codes(pair, images, tmp_path, monkeypatch):
    cached = inverter(pair, cache_dir=tmp_path / "cache").fit(images)
    first = cached.transform(images[:4])
    seen = []
    encode = type(cached.encoder_).encode
    monkeypatch.setattr(
        type(cached.encoder_),
        "encode",
        lambda self, x, **kwargs: seen.append(len(x)) or encode(self, x, **kwargs),
    )
    assert_array_equal(cached.transform(images[:4]), first)
    assert seen == []
    cached.transform(images)
    assert sum(seen) == 3
    entry = next(p for p in (tmp_path / "cache").rglob("*") if p.is_file())
    entry.write_bytes(entry.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="is damaged; it is computed again"):
        again = cached.transform(images)
    assert_allclose(again[:4], first, rtol=1e-4, atol=1e-5)
    assert not list((tmp_path / "cache").rglob("*.tmp"))


def test_cache_tells_recipes_apart(pair, images, tmp_path):
    folder = tmp_path / "cache"
    encoder = inverter(pair, cache_dir=folder).fit_transform(images)
    hybrid = inverter(pair, cache_dir=folder, method="hybrid", n_steps=3, random_state=0)
    assert not np.allclose(hybrid.fit_transform(images), encoder)


def test_pickle_loads_in_a_fresh_process(pair, images, tmp_path):
    for store_weights, limit in ((False, 3_000), (True, 20_000_000)):
        inv = inverter(pair, store_weights=store_weights).fit(images)
        path = tmp_path / "inverter.joblib"
        joblib.dump(inv, path)
        assert path.stat().st_size < limit
        np.save(tmp_path / "x.npy", images)
        code = (
            "import sys, joblib, numpy as np; "
            "np.save(sys.argv[3], joblib.load(sys.argv[1]).transform(np.load(sys.argv[2])))"
        )
        if store_weights:  # weights travel in the pickle: the files may go
            for file in pair:
                os.remove(file)
        arguments = [path, tmp_path / "x.npy", tmp_path / "z.npy"]
        subprocess.run([sys.executable, "-c", code, *map(str, arguments)], check=True)
        assert_allclose(np.load(tmp_path / "z.npy"), inv.transform(images), rtol=1e-5, atol=1e-6)


def test_clone_and_parameters_are_light(pair):
    inv = inverter(pair)
    assert len(pickle.dumps(inv)) < 1_000
    assert clone(inv).get_params() == inv.get_params()
    generator = tiny_generator()
    assert clone(StyleGANInverter(generator)).generator is generator


def test_foreign_images_give_a_warning(images):
    generator = tiny_generator()
    inv = StyleGANInverter(generator, tiny_encoder(generator)).fit(images)
    inv.domain_error_ = inv.domain_error_ / 1e4
    with pytest.warns(UserWarning, match=r"foreign to the generator 'tiny'.*aligned"):
        inv.transform(images)


def test_missing_and_misfit_encoders(pair, images):
    with pytest.raises(ValueError, match=r"encoder='train'.*method='optimize'"):
        StyleGANInverter(pair[0]).fit(images)
    with pytest.raises(ValueError, match="needs an encoder for 'tiny'"):
        StyleGANInverter(tiny_generator()).fit(images)
    other = tiny_encoder(tiny_generator(16))
    with pytest.raises(ValueError, match=r"makes codes \(6, 7\).*expects \(4, 7\)"):
        StyleGANInverter(pair[0], other).fit(images)


def test_wrong_parameters(pair, images):
    with pytest.raises(ValueError, match="'method' parameter"):
        inverter(pair, method="guess").fit(images)
    with pytest.raises(ValueError, match="output='features' needs"):
        inverter(pair, space="s", output="features").fit(images)
    with pytest.raises(ValueError, match=r"makes images of 2 channels"):
        StyleGANInverter(tiny_generator(img_channels=2), method="optimize").fit(images)
    fitted = inverter(pair).fit(images)
    with pytest.raises(ValueError, match="NaN"):
        fitted.inverse_transform(np.full((1, 28), np.nan))
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        fitted.transform(images[:0])


@pytest.mark.parametrize(("layers", "n"), [(["b8"], 12), (8, 12), ("b4.conv1", 6), (None, 18)])
def test_layers_by_name_block_or_resolution(pair, images, layers, n):
    inv = inverter(pair, output="features", layers=layers).fit(images)
    maps = inv.transform(images)
    assert list(inv.get_feature_names_out()) == maps.channel_names
    assert maps.pool().shape == (7, n)


def test_unknown_layers_are_refused_in_fit(pair, images):
    with pytest.raises(ValueError, match="No layer matches 'b17'; there are b4"):
        inverter(pair, output="features", layers=["b17"]).fit(images)


@pytest.mark.parametrize(
    "cache_dir", ["", " ", "a\0b", b"codes", 5, True, "~nobody-by-this-name/x"]
)
def test_invalid_cache_dir_is_refused(cache_dir, images, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="cache_dir"):
        StyleGANInverter("no such file", cache_dir=cache_dir).fit(images)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", [str, Path])
def test_the_home_folder_is_expanded_in_cache_dir(pair, images, tmp_path, monkeypatch, kind):
    (tmp_path / "home").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "here")
    inverter(pair, cache_dir=kind("~/codes")).fit(images).transform(images)
    assert len([x for x in (tmp_path / "home" / "codes").rglob("*") if x.is_file()]) == 7
    assert not list((tmp_path / "here").iterdir())


def test_every_parameter_has_a_constraint(images):
    assert set(StyleGANInverter._parameter_constraints) == set(StyleGANInverter().get_params())
    for wrong in ({"generator": 5}, {"encoder": 5}, {"perceptual": 5}, {"layers": 1.5}):
        with pytest.raises(ValueError, match=f"The '{next(iter(wrong))}' parameter"):
            StyleGANInverter(**wrong).fit(images)


def test_encoder_is_trained_for_the_generator(images):
    generator = tiny_generator()
    inv = StyleGANInverter(generator, "train", n_train_steps=40, random_state=0).fit(images)
    untrained = StyleGANInverter(generator, tiny_encoder(generator)).fit(images)
    assert inv.domain_error_ < untrained.domain_error_
    refitted = clone(inv).fit(images)
    assert_allclose(refitted.transform(images), inv.transform(images), rtol=1e-4, atol=1e-5)
    loaded = pickle.loads(pickle.dumps(inv))
    assert_array_equal(loaded.transform(images), inv.transform(images))


def test_in_a_pipeline_with_flat_rows(pair, images):
    pipe = make_pipeline(inverter(pair, image_shape=(8, 8, 3)))
    flat = images.reshape(7, -1)
    assert_allclose(pipe.fit_transform(flat), inverter(pair).fit_transform(images), rtol=1e-5)
    with pytest.raises(ValueError, match="100 values"):
        pipe.transform(flat[:, :100])
