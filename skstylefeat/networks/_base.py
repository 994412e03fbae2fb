"""What the networks with arrays in and out share: a device, a file, pickles that refer to it."""

import copy
import hashlib
import os
import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from skstylefeat.networks.checkpoints._locate import check_sha256, find_weights
from skstylefeat.networks.checkpoints._safetensors import KINDS, build_network

MAX_EMBEDDED = 4
_EMBEDDED: dict = {}  # networks of this process that came inside pickles, by content


def resolve_device(device):
    """Return the torch device of `device`, the best one present for "auto"."""
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    return torch.device(device)


def device_at_hand(device):
    """Return the torch device of `device`, or the CPU with a warning where there is none such.

    For estimators that were saved on another machine.
    """
    wanted = resolve_device(device)
    backends = {"cuda": torch.cuda, "mps": torch.backends.mps}
    if wanted.type in backends and not backends[wanted.type].is_available():
        warnings.warn(
            f"The estimator was saved with device={device!r}, which is not here: it runs on the "
            "CPU. device='auto' takes what there is without this warning.",
            UserWarning,
            stacklevel=3,
        )
        return torch.device("cpu")
    return wanted


def _content_hash(state):
    """Return a hash of the weights and the architecture of a pickle without a file."""
    digest = hashlib.sha256(repr((state["format"], state["config"])).encode())
    for name, array in sorted(state["arrays"].items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(array))
    return digest.digest()


class NetworkFacade:
    """A frozen network with NumPy in and out, shared by estimators and cheap to pickle."""

    kind: str | None = None

    def __init__(self, module, *, name=None, reference=None, sha256=None, card=None, device="cpu"):
        self.device = resolve_device(device)
        for parameter in module.parameters():  # TorchScript has no other way
            parameter.requires_grad_(False)
        self.module = module.eval().to(self.device)
        self.name = name or self.kind
        self.reference = reference
        self.sha256 = sha256
        self.card = dict(card or {})
        self._copies = {}  # the same network on other devices
        self._describe()

    @staticmethod
    def _find(name_or_path):
        """Return the file of weights of this kind that a bundled name or a path leads to."""
        return find_weights(name_or_path)

    @staticmethod
    def _read(path):
        """Return the module and the model card of a file."""
        raise NotImplementedError

    def _describe(self):
        """Set the attributes that are read off the module."""
        raise NotImplementedError

    def __sklearn_clone__(self):
        return self  # frozen, so estimators may share it

    def __getstate__(self):
        state = {"name": self.name, "sha256": self.sha256, "reference": self.reference}
        if self.reference is None:
            state |= self.embedded_state()
        return state

    def __setstate__(self, state):
        if state["reference"] is not None:
            loaded = load_network(type(self), state["reference"], expected_sha256=state["sha256"])
            self.__dict__.update(loaded.__dict__)
        else:
            # Every batch that a worker is sent brings the weights; they are built once a process.
            key = _content_hash(state)
            module = _EMBEDDED.get(key)
            if module is None:
                config_class, _ = KINDS[state["format"]]
                tensors = {key: torch.from_numpy(x.copy()) for key, x in state["arrays"].items()}
                module = build_network(config_class(**state["config"]), tensors, state["name"])
                while len(_EMBEDDED) >= MAX_EMBEDDED:
                    _EMBEDDED.pop(next(iter(_EMBEDDED)), None)
                _EMBEDDED[key] = module
            self.__init__(module, name=state["name"], sha256=state["sha256"], card=state["card"])

    def embedded_state(self):
        """Return the weights as NumPy arrays and the architecture, for pickles without a file."""
        formats = [key for key, (_, network) in KINDS.items() if type(self.module) is network]
        if not formats:
            raise ValueError(
                f"The weights of {self.name!r} ({type(self.module).__name__}) cannot be embedded "
                "in a pickle; keep its file and refer to it (store_weights=False)."
            )
        arrays = {key: x.cpu().numpy() for key, x in self.module.state_dict().items()}
        return {
            "format": formats[0],
            "config": self.module.config.to_dict(),
            "card": self.card,
            "arrays": arrays,
        }

    def embedded(self):
        """Return the same network without a reference: its weights travel in pickles."""
        clone = object.__new__(type(self))
        clone.__dict__.update(self.__dict__, reference=None, _copies={})
        return clone

    def to(self, device):
        """Return a network with the same weights on another torch device, or "auto".

        It is made once: callers ask again for every batch.
        """
        device = resolve_device(device)
        if device == self.device:
            return self
        if device not in self._copies:
            clone = object.__new__(type(self))
            module = copy.deepcopy(self.module).to(device)
            clone.__dict__.update(self.__dict__, module=module, device=device, _copies={})
            self._copies[device] = clone
        return self._copies[device]

    def weights_hash(self):
        """Return the file's SHA-256, or one of the weights where there is no file."""
        if self.sha256 is None:
            digest = hashlib.sha256()
            for key, value in self.module.state_dict().items():
                digest.update(key.encode())
                digest.update(value.cpu().numpy().tobytes())
            self.sha256 = digest.hexdigest()
        return self.sha256

    def _tensor(self, array):
        # A copy where NumPy's memory is read-only, which torch does not support.
        array = np.require(array, dtype=np.float32, requirements=["C", "W"])
        return torch.from_numpy(array).to(self.device)


def load_network(network, name_or_path, *, device="cpu", expected_sha256=None):
    """Return the `network` of a bundled name or a file, loaded once a process and device.

    Parameters
    ----------
    network : type
        Class of the facade, which knows its files.
    name_or_path : str or path-like
        Bundled name, or file.
    device : str, default="cpu"
        Torch device, or "auto".
    expected_sha256 : str, default=None
        Refuse the file if its hash is another.

    Returns
    -------
    NetworkFacade
    """
    path = network._find(name_or_path)
    digest = check_sha256(path, expected_sha256)
    return _load(network, str(path), digest, os.fspath(name_or_path), resolve_device(device))


@lru_cache(maxsize=16)
def _load(network, path, digest, reference, device):
    module, card = network._read(path)
    name = Path(path).stem
    return network(module, name=name, reference=reference, sha256=digest, card=card, device=device)
