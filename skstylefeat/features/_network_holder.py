"""Devices of estimators that hold networks, also when they are loaded on another machine."""

from typing import Any

from skstylefeat._utils._versions import VersionStamped


class NetworkHolder(VersionStamped):
    """Mixin, left of BaseEstimator, for estimators with a parameter `device` and a `generator_`."""

    _network_attributes: tuple[str, ...] = ("generator_",)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if not hasattr(self, "generator_"):
            return

        # A pickle is loaded to the CPU, and the device it was made on may be absent here.
        from skstylefeat.networks._base import device_at_hand

        device = device_at_hand(self.device)  # type: ignore[attr-defined]
        for name in self._network_attributes:
            network = getattr(self, name)
            setattr(self, name, None if network is None else network.to(device))

    def _device_of_workers(self):
        """Return "auto" where it was given: each worker then uses the best device it has."""
        return "auto" if self.device == "auto" else str(self.generator_.device)
