"""Card of a model: data, labels, networks, scores and versions, as JSON and as text."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import skstylefeat
from skstylefeat.prediction._photo_features import PhotoFeatures
from skstylefeat.prediction._target_score import TargetScore

LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch", "joblib", "skops", "Pillow")


def make_card(
    features: PhotoFeatures,
    scores: Sequence[TargetScore],
    *,
    photos: dict[str, Any],
    settings: dict[str, Any],
    problems: Sequence[str],
) -> dict[str, Any]:
    """Return the card as a dict for JSON."""
    inverter = features.inverter_
    networks = {
        name: {"name": network.name, "sha256": network.weights_hash()}
        for name, network in (("generator", inverter.generator_), ("encoder", inverter.encoder_))
        if network is not None
    }
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "photos": photos,
        "targets": {score.name: score.to_dict() for score in scores},
        "problems": list(problems),
        "networks": networks,
        "settings": settings,
        "versions": {"skstylefeat": skstylefeat.__version__, "python": platform.python_version()}
        | {name: found for name in LIBRARIES if (found := _version(name))},
    }


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def first_lines(card: dict[str, Any]) -> list[str]:
    """Return the sentences with which the output and the report begin: scores, then problems."""
    headlines = [target["headline"] for target in card["targets"].values()]
    warnings = [text for target in card["targets"].values() for text in target["warnings"]]
    return headlines + warnings + card["problems"]


def card_text(card: dict[str, Any]) -> str:
    """Return the card as Markdown."""
    lines = ["# Model card", "", *(f"- {line}" for line in first_lines(card)), "", "## Data", ""]
    lines += [f"- {key}: {value}" for key, value in card["photos"].items()]
    for name, target in card["targets"].items():
        lines += ["", f"## {name}", "", f"- kind: {target['kind']}"]
        lines.append(f"- labels read in all: {target['n_labels']}")
        lines += [f"  - {label}: {count}" for label, count in target["counts"].items()]
        lines.append(f"- reader: {target['reader']}")
        lines += [f"  - {key}: loss {loss:.3g}" for key, loss in target["losses"].items()]
        if target["group_rows"]:
            header = target["group_header"]
            lines += ["", " | ".join(header), " | ".join("---" for _ in header)]
            lines += [" | ".join(row) for row in target["group_rows"]]
    lines += ["", "## Networks", ""]
    lines += [
        f"- {kind}: {network['name']}, SHA-256 {network['sha256']}"
        for kind, network in card["networks"].items()
    ]
    lines += ["", "## Settings", ""]
    lines += [f"- {key}: {value}" for key, value in card["settings"].items()]
    lines += ["", "## Versions", ""]
    lines += [f"- {key} {value}" for key, value in card["versions"].items()]
    return "\n".join([*lines, ""])
