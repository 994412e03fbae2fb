"""Files of families without a reader: recognized, named, and not read as something else."""

import pytest
import torch

from skstylefeat import load_encoder, load_generator
from skstylefeat.exceptions import CheckpointError, UnsafeCheckpointError
from skstylefeat.networks.checkpoints import inspect
from skstylefeat.networks.checkpoints._other_families import OTHER_FAMILIES
from tests.networks.checkpoints.test_checkpoints import WRITERS
from tests.support import other_families as families
from tests.support.checkpoint_writers import rosinality_state

CASES = [(name, write) for name, writers in families.REFUSED.items() for write in writers]
IDS = [write.__name__ for _, write in CASES]


@pytest.mark.parametrize(("name", "write"), CASES, ids=IDS)
def test_the_family_is_named_with_what_to_do(tmp_path, name, write):
    path = tmp_path / "network.pt"
    write(path)
    family = next(one for one in OTHER_FAMILIES if one.name.startswith(name))
    for load in (load_generator, load_encoder):
        with pytest.raises(CheckpointError) as caught:
            load(path)
        message = str(caught.value)
        assert message.startswith(str(path)) and family.name in message
        assert message.endswith(family.advice)

    info = inspect(path)
    assert info.format == family.name
    assert info.generator is None and info.encoder is None
    assert len(info.problems) == 1 and family.advice in info.problems[0]
    assert bool(info.refused) == isinstance(caught.value, UnsafeCheckpointError)


def test_every_family_has_a_file_here():
    assert len(families.REFUSED) == len(OTHER_FAMILIES)


@pytest.mark.parametrize("part", families.PARTLY_READ)
def test_decoders_inside_are_read_and_the_rest_is_reported(tmp_path, part):
    path = tmp_path / "network.pt"
    families.PARTLY_READ[part](path)
    generator = load_generator(path)
    expected = rosinality_state(families.MODULE)["conv1.conv.weight"][0]
    assert torch.equal(generator.module.synthesis.b4.conv1.weight, expected)
    assert part in generator.card["format"] and "is not read" in generator.card["format"]
    assert part in inspect(path).format
    with pytest.raises(CheckpointError, match=f"holds a generator .*{part}.* without an encoder"):
        load_encoder(path)


def test_the_generator_of_dualstylegan_is_read_as_the_message_says(tmp_path):
    families.write_dualstylegan(tmp_path / "dual.pt")
    with pytest.raises(CheckpointError, match="save the tensors 'generator"):
        load_generator(tmp_path / "dual.pt")
    g_ema = torch.load(tmp_path / "dual.pt")["g_ema"]
    prefix = "generator."
    state = {key.removeprefix(prefix): x for key, x in g_ema.items() if key.startswith(prefix)}
    torch.save({"g_ema": state}, tmp_path / "inner.pt")
    weight = load_generator(tmp_path / "inner.pt").module.synthesis.b8.conv1.weight
    assert torch.equal(weight, families.MODULE.synthesis.b8.conv1.weight)


@pytest.mark.filterwarnings("ignore:.*lacks settings of its network")
@pytest.mark.parametrize("name", WRITERS)
def test_files_that_are_read_are_none_of_them(tmp_path, name):
    path = tmp_path / "network.pt"
    WRITERS[name](path, families.MODULE)
    assert load_generator(path).resolution == 8


def test_one_name_alone_does_not_make_a_family(tmp_path):
    names = [
        f"a.{key}" for key in ("style_mlp.1.weight", "decoder.net.0.weight", "ecd0.0.0.weight")
    ]
    extra = families.named(*names)
    torch.save({"g_ema": rosinality_state(families.MODULE), "other": extra}, tmp_path / "a.pt")
    assert load_generator(tmp_path / "a.pt").resolution == 8
    torch.save(extra, tmp_path / "b.pt")
    with pytest.raises(CheckpointError, match="none of the known formats"):
        load_generator(tmp_path / "b.pt")


def test_deep_and_odd_modules_end(tmp_path):
    odd = families.PersistentStub("Generator")
    odd.attributes["_modules"] = {"mapping": {"embed_proj": 3}, "itself": odd, 5: odd}
    odd.attributes["_parameters"] = [1, 2]
    families._pickled(tmp_path / "odd.pkl", {"G_ema": odd})
    with pytest.raises(CheckpointError, match=r"odd\.pkl"):
        load_generator(tmp_path / "odd.pkl")
