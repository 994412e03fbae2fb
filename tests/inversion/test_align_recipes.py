"""The guide's recipes for other detectors, run on modules with their layout of results."""

import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from skstylefeat.images import align_faces

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "framing.md"
FACE = np.array([[40.0, 50], [60, 50], [50, 60], [43, 72], [57, 72]])
PHOTO = np.random.default_rng(0).integers(0, 256, (120, 100, 3)).astype(np.uint8)
MESH = {33: (38, 50), 133: (42, 50), 362: (58, 50), 263: (62, 50)}
MESH |= {1: (50, 60), 61: (43, 72), 291: (57, 72)}


def recipe(name):
    """Return the guide's function of a name, made by running its block of code."""
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    namespace = {}
    exec(next(block for block in blocks if f"def {name}" in block), namespace)
    return namespace[name]


def facenet(found):
    """Return a module with MTCNN, whose detector finds a small face and FACE, or none."""

    class MTCNN:
        def __init__(self, min_face_size):
            pass

        def detect(self, pixels, landmarks):
            assert landmarks and pixels.dtype == np.uint8
            if not found:
                return None, [None], None
            boxes = np.array([[0, 0, 9, 9], [30, 30, 70, 80]], np.float32)
            return boxes, np.ones(2), np.stack([FACE / 4, FACE]).astype(np.float32)

    module = ModuleType("facenet_pytorch")
    module.MTCNN = MTCNN
    return module


def mediapipe(found):
    """Return a module with FaceLandmarker, which finds FACE, or none."""

    def detect(image):
        height, width = image.data.shape[:2]
        mesh = [SimpleNamespace(x=0.0, y=0.0, z=0.0) for _ in range(478)]
        for i, (x, y) in MESH.items():
            mesh[i] = SimpleNamespace(x=x / width, y=y / height, z=0.0)
        return SimpleNamespace(face_landmarks=[mesh] if found else [])

    landmarker = SimpleNamespace(create_from_options=lambda options: SimpleNamespace(detect=detect))
    module = ModuleType("mediapipe")
    module.Image = lambda image_format, data: SimpleNamespace(data=data)
    module.ImageFormat = SimpleNamespace(SRGB=1)
    vision = SimpleNamespace(FaceLandmarkerOptions=dict, FaceLandmarker=landmarker)
    module.tasks = SimpleNamespace(vision=vision, BaseOptions=dict)
    return module


@pytest.mark.parametrize("module", [facenet, mediapipe])
def test_recipes_of_the_guide(monkeypatch, module):
    function = {facenet: "mtcnn_landmarks", mediapipe: "mediapipe_landmarks"}[module]
    for found in (True, False):
        stand_in = module(found)
        monkeypatch.setitem(sys.modules, stand_in.__name__, stand_in)
        landmarks = recipe(function)
        pixels, faults = align_faces(PHOTO[None], landmarks).try_read((24, 24))
        assert len(faults) == (not found)
        if found:
            np.testing.assert_allclose(landmarks(PHOTO), FACE, atol=1e-4)
            expected = align_faces(PHOTO[None], FACE[None]).read((24, 24))
            np.testing.assert_allclose(pixels, expected, atol=1 / 255)
