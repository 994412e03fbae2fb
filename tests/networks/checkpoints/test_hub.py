"""Networks at addresses ``hf://``: download, cache, pickles, and what goes wrong."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants

from skstylefeat import FeatureMapExtractor, StyleGANInverter, load_encoder, load_generator
from skstylefeat.__main__ import main
from skstylefeat.exceptions import CheckpointError, DownloadError
from skstylefeat.networks.checkpoints import convert, inspect
from skstylefeat.networks.checkpoints._hub import parse_address
from skstylefeat.networks.checkpoints._locate import file_sha256
from tests.support.fake_hub import COMMIT, REPOSITORY, running_hub
from tests.support.networks import tiny_generator, write_pair

FILE, ENCODER = "weights/tiny.safetensors", "weights/tiny-encoder.safetensors"


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return write_pair(tmp_path_factory.mktemp("pair"))


@pytest.fixture(scope="module")
def server():
    with running_hub() as hub:
        yield hub


@pytest.fixture
def hub(server, pair, tmp_path, monkeypatch):
    """A hub with two files, and an empty cache."""
    for name, path in zip((FILE, ENCODER), pair, strict=True):
        server.files[name] = Path(path).read_bytes()
    server.requests.clear()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    return server


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


def test_every_reader_takes_an_address(hub, pair, tmp_path, capsys):
    address = hub.address(FILE)
    generator = load_generator(address)
    latents = np.random.default_rng(0).normal(size=(2, generator.w_dim))
    expected = load_generator(pair[0]).synthesis(latents)
    np.testing.assert_array_equal(generator.synthesis(latents), expected)
    assert generator.name == "tiny" and generator.reference == address
    assert generator.sha256 == file_sha256(pair[0])

    # pathlib takes the two slashes for one.
    assert load_generator(Path(address)).sha256 == generator.sha256
    assert inspect(address).generator.config["resolution"] == 8
    converted = convert(address, tmp_path / "copy.safetensors")
    assert converted.source_sha256 == generator.sha256
    maps = FeatureMapExtractor(generator=address).fit_transform(
        generator.broadcast(latents).reshape(2, -1)
    )
    assert maps.layers == generator.layers

    images = np.random.default_rng(1).random((3, 8, 8, 3), dtype=np.float32)
    encoder = hub.address(ENCODER)
    codes = StyleGANInverter(generator=address, encoder=encoder).fit_transform(images)
    np.testing.assert_array_equal(codes.reshape(3, -1, 7), load_encoder(pair[1]).encode(images))
    assert main(["inspect", address]) == 0
    assert "resolution" in capsys.readouterr().out
    # Each file was downloaded once.
    downloads = [line for line in hub.requests if line.startswith("GET") and "resolve" in line]
    assert sorted(line.rpartition("/")[2] for line in downloads) == [
        "tiny-encoder.safetensors",
        "tiny.safetensors",
    ]


def test_the_cache_serves_without_a_network(hub, monkeypatch):
    digest = load_generator(hub.address(FILE)).sha256
    hub.requests.clear()
    assert load_generator(hub.address(FILE)).sha256 == digest
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert load_generator(hub.address(FILE)).sha256 == digest
    assert hub.requests == []


def test_without_network_and_cache_the_error_says_what_is_missing(hub, offline):
    with pytest.raises(
        DownloadError, match=r"not in the cache .*cache, and the hub http.*HF_HUB_OFF"
    ):
        load_generator(hub.address(FILE))
    assert issubclass(DownloadError, FileNotFoundError)


def test_an_unreachable_hub(hub, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # between attempts
    closed = "http://127.0.0.1:9"
    monkeypatch.setattr(constants, "ENDPOINT", closed)
    template = closed + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    with pytest.raises(DownloadError, match=r"cannot be reached .no network"):
        load_generator(hub.address(FILE))
    with pytest.raises(ValueError, match=r"The page https://.*/commits/main lists the commits"):
        load_generator(hub.address(FILE, "main"))


def test_a_file_in_a_folder_of_weights_needs_neither_network_nor_package(
    hub, pair, offline, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.setenv("SKSTYLEFEAT_WEIGHTS", f"{tmp_path}{os.pathsep}{tmp_path / 'weights'}")
    address = parse_address(hub.address(FILE))
    with pytest.raises(ImportError, match=r"skstylefeat\[hub\].*SKSTYLEFEAT_WEIGHTS, as painter/"):
        load_generator(str(address))
    copy = tmp_path / "weights" / address.local_path
    copy.parent.mkdir(parents=True)
    copy.write_bytes(Path(pair[0]).read_bytes())
    assert load_generator(str(address)).sha256 == file_sha256(pair[0])

    # Without the package, a branch is refused all the same.
    with pytest.raises(ValueError, match="lists the commits"):
        load_generator(hub.address(FILE, "main"))


@pytest.mark.parametrize("revision", ["main", "v1.0"])
def test_names_that_move_are_refused_with_the_commit_of_now(hub, revision):
    with pytest.raises(ValueError, match=f"{revision!r} is not the full hash") as caught:
        load_generator(hub.address(FILE, revision))
    # The address at the end of the message can be copied.
    assert load_generator(str(caught.value).split()[-1]).resolution == 8


def test_an_address_without_revision_is_refused_with_the_commit_of_now(hub):
    with pytest.raises(ValueError, match="names no revision") as caught:
        load_generator(f"hf://{REPOSITORY}/{FILE}")
    assert str(caught.value).split()[-1] == hub.address(FILE)


def test_an_unknown_branch_is_refused_without_a_commit(hub):
    with pytest.raises(ValueError, match=f"'v9'.*Write hf://.*{REPOSITORY}/commits/main"):
        load_generator(hub.address(FILE, "v9"))


@pytest.mark.parametrize(
    "address",
    [
        "hf://",
        "hf://tiny.pkl",
        f"hf://owner@{COMMIT}/tiny.pkl",
        f"hf://owner/name@{COMMIT}",
        f"hf://owner/name@{COMMIT}/",
        f"hf://owner/name@{COMMIT}/../../tiny.pkl",
        f"hf://owner/name@{COMMIT}/a//b.pkl",
        f"hf://owner/name/tiny.pkl@{COMMIT}",
    ],
)
def test_malformed_addresses_are_refused_before_any_request(hub, address):
    with pytest.raises(ValueError, match="should have the form hf://OWNER/NAME@COMMIT/FILE"):
        load_generator(address)
    assert hub.requests == []


@pytest.mark.parametrize(
    ("repository", "revision", "file", "match"),
    [
        ("painter/unknown", COMMIT, FILE, "knows no repository 'painter/unknown'.*hf auth login"),
        ("painter/on-request", COMMIT, FILE, "access on request. Ask for it on http"),
        ("painter/forbidden", COMMIT, FILE, "status 403; log in"),
        ("painter/busy", COMMIT, FILE, "status 418; try again later"),
        (REPOSITORY, "f" * 40, FILE, "no such commit"),
        (REPOSITORY, COMMIT, "other.pkl", f"no file 'other.pkl'.*tree/{COMMIT} lists"),
    ],
    ids=["unknown", "on request", "forbidden", "busy", "no commit", "no file"],
)
def test_what_the_hub_refuses(hub, repository, revision, file, match, capsys):
    address = hub.address(file, revision, repository)
    with pytest.raises(DownloadError, match=match) as caught:
        load_generator(address)
    assert str(caught.value).startswith(address) and "\n" not in str(caught.value)
    assert main(["inspect", address]) == 2
    assert address in capsys.readouterr().err


def test_a_full_disk_is_reported(hub, tmp_path):
    (tmp_path / "cache").write_text("a file where the cache's folder should be")
    with pytest.raises(DownloadError, match=r"the download failed.*space on the disk"):
        load_generator(hub.address(FILE))


def test_pickles_remember_address_and_hash(hub, monkeypatch):
    generator = load_generator(hub.address(FILE))
    pickled = pickle.dumps(generator)
    assert len(pickled) < 2000
    hub.requests.clear()
    assert pickle.loads(pickled).sha256 == generator.sha256
    assert hub.requests == []

    # On another machine: an empty cache, then a hub that serves something else.
    cache = Path(constants.HF_HUB_CACHE)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache.with_name("second")))
    assert pickle.loads(pickled).resolution == 8
    assert any(line.startswith("GET") for line in hub.requests)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache.with_name("third")))
    other = cache.with_name("other.safetensors")
    tiny_generator(seed=5).save(other)
    hub.files[FILE] = other.read_bytes()
    with pytest.raises(ValueError, match="has changed: its SHA-256 is"):
        pickle.loads(pickled)


def test_a_pickle_in_a_process_without_network(hub, tmp_path, monkeypatch):
    pickled = tmp_path / "generator.pkl"
    pickled.write_bytes(pickle.dumps(load_generator(hub.address(FILE))))
    hub.requests.clear()
    code = f"import pickle; print(pickle.load(open({str(pickled)!r}, 'rb')).resolution)"
    variables = {
        "HF_HUB_OFFLINE": "1",
        "HF_ENDPOINT": hub.url,
        "HF_HUB_CACHE": constants.HF_HUB_CACHE,
    }
    process = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | variables, capture_output=True, text=True
    )
    assert process.stdout.split() == ["8"]

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "empty"))
    with pytest.raises(DownloadError, match="is not in the cache"):
        pickle.loads(pickled.read_bytes())
    assert hub.requests == []


def test_a_download_is_no_network(hub):
    hub.files[FILE] = b"<!DOCTYPE html>"
    with pytest.raises(CheckpointError, match=r"tiny.safetensors is of an unknown kind"):
        load_generator(hub.address(FILE))
