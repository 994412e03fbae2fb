"""Base class of the networks with arrays in and out: device, weights file, pickles, copies."""

from __future__ import annotations

import copy
import hashlib
import os
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import nn

from skstylefeat._utils._typing import StrPath
from skstylefeat.networks.checkpoints._assumptions import Settings, as_pairs
from skstylefeat.networks.checkpoints._locate import check_sha256, find_weights
from skstylefeat.networks.checkpoints._safetensors import KINDS, build_network

MAX_EMBEDDED = 4
_EMBEDDED: dict[bytes, nn.Module] = {}  # networks that arrived inside pickles, by content


def resolve_device(device):
    """Return the torch device of `device`, the best one present for "auto".

    Raises
    ------
    ValueError
        If there is no such device, or not on this machine.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")

    if not isinstance(device, str | torch.device):
        raise ValueError(
            f"device={device!r} is no name of a device. Use 'auto' for the best device present, "
            "or 'cpu'."
        )
    try:
        return _usable_device(device)
    except (AssertionError, ImportError, RuntimeError, TypeError) as error:
        reason = str(error).partition("\n")[0][:80]
        raise ValueError(
            f"device={device!r} cannot be used on this machine ({reason}). Use 'auto' for the "
            "best device present, or 'cpu'."
        ) from error


@lru_cache(maxsize=64)  # callers repeat the call for every batch; errors are not kept
def _usable_device(device):
    """Return a device that computes a number; torch parses names of absent ones, too."""
    resolved = torch.device(device)
    (torch.zeros(1, device=resolved) + 1).item()
    return torch.device("cpu") if resolved.type == "cpu" else resolved


def device_at_hand(device):
    """Return the torch device of an estimator saved on another machine.

    A device that this machine lacks becomes the CPU, with a warning.
    """
    try:
        return resolve_device(device)
    except ValueError:
        warnings.warn(
            f"The estimator was saved with device={device!r}, which this machine lacks: it runs "
            "on the CPU. device='auto' takes the best device present without this warning.",
            UserWarning,
            stacklevel=3,
        )
        return torch.device("cpu")


def _content_hash(state):
    """Return a hash of the weights and the architecture of a pickle without a file."""
    digest = hashlib.sha256(repr((state["format"], state["config"])).encode())
    for name, array in sorted(state["arrays"].items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(array))
    return digest.digest()


class NetworkFacade:
    """A frozen network with NumPy in and out, shared by estimators and cheap to pickle."""

    kind: ClassVar[str]
    accepted: ClassVar[str] = "a bundled name, a path or a loaded network"
    # Settings that a file may lack.
    settings: ClassVar[dict[str, Any]] = {}

    module: Any
    name: str
    reference: str | None
    sha256: str | None
    card: dict[str, str]
    device: torch.device

    def __init__(
        self,
        module: nn.Module,
        *,
        name: str | None = None,
        reference: str | None = None,
        sha256: str | None = None,
        card: dict[str, str] | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        self.device = resolve_device(device)
        # Parameter by parameter, because TorchScript modules have no method requires_grad_.
        for parameter in module.parameters():
            parameter.requires_grad_(False)
        self.module = module.eval().to(self.device)
        self.name = name or self.kind
        self.reference = reference
        self.sha256 = sha256
        self.card = dict(card or {})
        self._copies: dict[torch.device, Self] = {}  # the same network on other devices
        self._assumed: dict[str, Any] = {}  # settings that the file lacks, given or assumed
        self._describe()

    @staticmethod
    def _find(name_or_path):
        """Return the file of weights of this kind that a bundled name or a path leads to."""
        return find_weights(name_or_path)

    @staticmethod
    def _read(path, settings):
        """Return the module and the model card of a file; see `Settings`."""
        raise NotImplementedError

    def _describe(self):
        """Set the attributes that are read from the module."""
        raise NotImplementedError

    def __sklearn_clone__(self) -> Self:
        return self  # frozen, so estimators may share it

    def __getstate__(self) -> dict[str, Any]:
        state = {
            "name": self.name,
            "sha256": self.sha256,
            "reference": self.reference,
            "assumed": self._assumed,
        }
        if self.reference is None:
            state |= self._embedded_state()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if state["reference"] is not None:
            loaded = load_network(
                type(self),
                state["reference"],
                expected_sha256=state["sha256"],
                assume=state["assumed"],
            )
            self.__dict__.update(loaded.__dict__)
            return

        # A worker receives the weights with every batch; it builds the network once.
        key = _content_hash(state)
        module = _EMBEDDED.get(key)
        if module is None:
            config_class, _ = KINDS[state["format"]]
            tensors = {name: torch.from_numpy(x.copy()) for name, x in state["arrays"].items()}
            module = build_network(config_class(**state["config"]), tensors, state["name"])
            while len(_EMBEDDED) >= MAX_EMBEDDED:
                _EMBEDDED.pop(next(iter(_EMBEDDED)), None)
            _EMBEDDED[key] = module
        self._restore(module, state)

    def _restore(self, module, state):
        self.__init__(module, name=state["name"], sha256=state["sha256"], card=state["card"])
        self._assumed = state["assumed"]

    def _embedded_state(self):
        """Return the weights as NumPy arrays and the architecture, for pickles without a file."""
        formats = [key for key, (_, network) in KINDS.items() if type(self.module) is network]
        if not formats:
            raise ValueError(
                f"The weights of {self.name!r} ({type(self.module).__name__}) cannot be embedded "
                "in a pickle. Keep its file, and pickle a reference to it (store_weights=False)."
            )
        arrays = {key: x.cpu().numpy() for key, x in self.module.state_dict().items()}
        return {
            "format": formats[0],
            "config": self.module.config.to_dict(),
            "card": self.card,
            "arrays": arrays,
        }

    def embedded(self) -> Self:
        """Return the same network without a reference: pickles of it hold the weights."""
        return self._copy(reference=None)

    def to(self, device: str | torch.device) -> Self:
        """Return a network with the same weights on another torch device, or "auto".

        The copy is made once and kept, because callers repeat the call for every batch.
        """
        there = resolve_device(device)
        if there == self.device:
            return self
        if there not in self._copies:
            module = copy.deepcopy(self.module).to(there)
            self._copies[there] = self._copy(module=module, device=there)
        return self._copies[there]

    def _copy(self, **changes):
        clone = object.__new__(type(self))
        clone.__dict__.update(self.__dict__, _copies={}, **changes)
        return clone

    def weights_hash(self) -> str:
        """Return a SHA-256 that differs between networks.

        That of the file, or of the weights where there is no file. Settings that the file lacks
        change it.
        """
        if self.sha256 is None:
            digest = hashlib.sha256(self._architecture().encode())
            for key, value in self.module.state_dict().items():
                digest.update(key.encode())
                digest.update(value.cpu().numpy().tobytes())
            self.sha256 = digest.hexdigest()
        if self._assumed:
            return hashlib.sha256(f"{self.sha256} {as_pairs(self._assumed)}".encode()).hexdigest()
        return self.sha256

    def _architecture(self):
        """Return a string that differs between networks with the same tensors."""
        return ""

    def _tensor(self, array):
        # torch supports no read-only memory, so such an array is copied.
        array = np.require(array, dtype=np.float32, requirements=["C", "W"])
        return torch.from_numpy(array).to(self.device)


def load_network(
    network, name_or_path: StrPath, *, device="cpu", expected_sha256=None, assume=None
):
    """Load a network of a class of facades, once per file and device; see `load_generator`."""
    device = resolve_device(device)
    pairs = as_pairs(assume)
    Settings(network.settings, pairs)  # raises for unknown ones before any work
    path = network._find(name_or_path)
    digest = check_sha256(path, expected_sha256)
    reference = os.fspath(name_or_path)
    return _load(network, str(path), digest, reference, device, pairs)


@lru_cache(maxsize=16)
def _load(network, path, digest, reference, device, pairs):
    settings = Settings(network.settings, pairs)
    module, card = network._read(path, settings)
    check_sha256(path, digest)  # it may have been replaced in the meantime
    settings.warn(path, stacklevel=6)
    loaded = network(
        module, name=Path(path).stem, reference=reference, sha256=digest, card=card, device=device
    )
    loaded._assumed = settings.given | settings.assumed
    return loaded
