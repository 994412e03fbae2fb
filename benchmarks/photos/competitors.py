"""Descriptors of photos that need no generator: what a table of few labels has to beat.

``hog`` is `HOGDescriptor`. The others are frozen networks whose weights come with a package::

    pip install face-recognition-models dlib-bin            # dlib: 128 numbers, 3 million faces
    pip install --no-deps facenet-pytorch                   # onet: MTCNN's last network
    pip install --no-deps stlpips-pytorch                   # vgg16: the trunk of an LPIPS

(`lpips` itself ships only the linear layers of its metric.) ``--transformers FOLDER`` of
``table.py`` adds any image model of the ``transformers`` library that lies in a folder, such as
DINOv2 or the image half of CLIP. Every descriptor is the mean over photo and mirror image. Photos
are the crops that the generator sees, enlarged to what a network expects.
"""

import hashlib
import importlib.util
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from skstylefeat.features import HOGDescriptor

BATCH = 64
#: Side to which crops are enlarged for each network.
SIDES = {"dlib": 150, "onet": 48, "vgg16": 64}
NAMES = ("hog", *SIDES)
TITLES = {
    "hog": "HOG",
    "dlib": "dlib's face descriptor",
    "onet": "ONet (MTCNN)",
    "vgg16": "VGG16 (ST-LPIPS)",
    "transformers": "--transformers",
}
DLIB_FILE = "dlib_face_recognition_resnet_model_v1.dat"


def available():
    """Return the names of the descriptors whose packages are installed."""
    needs = {
        "hog": (),
        "dlib": ("dlib", "face_recognition_models"),
        "onet": ("facenet_pytorch",),
        "vgg16": ("stlpips_pytorch",),
    }
    return [
        name
        for name, modules in needs.items()
        if all(importlib.util.find_spec(module) for module in modules)
    ]


def package_file(package, *parts):
    """Return the path of a file in an installed package, without importing it."""
    return Path(importlib.util.find_spec(package).origin).parent.joinpath(*parts)


def describe(name, images, *, folder=None, cache=None):
    """Return a descriptor's rows, the mean over each photo and its mirror image.

    Parameters
    ----------
    name : str
        One of `NAMES`, or "transformers".
    images : ndarray of shape (n, H, W, 3), uint8
    folder : path, default=None
        Folder of the model of "transformers".
    cache : path, default=None
        Folder, outside the project, that keeps the rows.

    Returns
    -------
    ndarray of shape (n, d), float32
    """
    if name == "hog":
        return HOGDescriptor(mirror="mean").fit_transform(images)
    path = None
    if cache is not None:
        key = hashlib.sha256(f"{name} {folder} {SIDES.get(name)}".encode())
        key.update(np.ascontiguousarray(images).tobytes())
        path = Path(cache) / f"{name}-{key.hexdigest()[:16]}.npy"
        if path.is_file():
            return np.load(path)
    network = NETWORKS[name](folder) if name == "transformers" else NETWORKS[name]()
    halves = []
    for views in (images, images[:, :, ::-1]):
        starts = range(0, len(views), BATCH)
        halves.append(np.concatenate([network(views[i : i + BATCH]) for i in starts]))
    rows = np.mean(halves, axis=0, dtype=np.float32)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, rows)
    return rows


def enlarged(images, side):
    """Return images (n, side, side, 3), uint8."""
    size = (side, side)
    return np.stack(
        [np.asarray(Image.fromarray(x).resize(size, Image.Resampling.BICUBIC)) for x in images]
    )


def dlib_network():
    """Return dlib's face descriptor, which 3 million photos of faces with identities taught."""
    import dlib

    file = package_file("face_recognition_models", "models", DLIB_FILE)
    model = dlib.face_recognition_model_v1(str(file))
    return lambda images: np.array(
        model.compute_face_descriptor(list(enlarged(images, SIDES["dlib"])))
    )


def onet():
    """Return the 256 features of MTCNN's ONet, which landmarks of CelebA taught."""
    weights = load_tensors(package_file("facenet_pytorch", "data", "onet.pt"))

    @torch.no_grad()
    def features(images):
        pixels = (enlarged(images, SIDES["onet"]).astype(np.float32) - 127.5) * 0.0078125
        return onet_features(torch.from_numpy(pixels).permute(0, 3, 1, 2), weights).numpy()

    return features


def onet_features(x, weights):
    """Return ONet's features (n, 256) of images (n, 3, 48, 48) in [-1, 1]."""
    for layer, window in ((1, 3), (2, 3), (3, 2), (4, None)):
        x = torch.conv2d(x, weights[f"conv{layer}.weight"], weights[f"conv{layer}.bias"])
        x = torch.prelu(x, weights[f"prelu{layer}.weight"])
        if window:
            x = torch.max_pool2d(x, window, 2, ceil_mode=True)
    # The authors' weights expect width before height.
    x = x.permute(0, 3, 2, 1).flatten(1)
    x = torch.nn.functional.linear(x, weights["dense5.weight"], weights["dense5.bias"])
    return torch.prelu(x, weights["prelu5.weight"])


def vgg16():
    """Return channel means of VGG16's last three stages, from an LPIPS that ships its trunk."""
    weights = load_tensors(
        package_file("stlpips_pytorch", "weights", "vST0.0", "vgg_shift_tolerant.pth")
    )
    shift, scale = weights["scaling_layer.shift"], weights["scaling_layer.scale"]
    stages = [
        [name.removesuffix(".weight") for name in weights if name.startswith(f"net.slice{stage}.")]
        for stage in range(1, 6)
    ]

    @torch.no_grad()
    def features(images):
        pixels = torch.from_numpy(enlarged(images, SIDES["vgg16"])).permute(0, 3, 1, 2).float()
        x = (pixels / 127.5 - 1 - shift) / scale
        means = []
        for names in stages:
            for name in names:
                if name.endswith(".filt"):  # blurred, so that halving keeps what a shift moves
                    x = torch.nn.functional.pad(torch.max_pool2d(x, 2, 1), (2,) * 4, "reflect")
                    x = torch.conv2d(x, weights[name], stride=2, groups=x.shape[1])
                elif not name.endswith(".bias"):
                    bias = weights[f"{name}.bias"]
                    x = torch.relu(torch.conv2d(x, weights[f"{name}.weight"], bias, padding=1))
            means.append(x.mean(dim=(2, 3)))
        return torch.cat(means[2:], dim=1).numpy()

    return features


def load_tensors(path):
    """Return the tensors of a file by name, without running code from it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.load(path, map_location="cpu", weights_only=True)


def transformers_model(folder):
    """Return the pooled features of an image model of the transformers library in a folder."""
    import transformers

    processor = transformers.AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    model = transformers.AutoModel.from_pretrained(folder, local_files_only=True).eval()

    @torch.no_grad()
    def features(images):
        inputs = processor(images=list(images), return_tensors="pt")
        if hasattr(model, "get_image_features"):  # both halves of CLIP and its kin
            found = model.get_image_features(**inputs)
        else:
            found = model(**inputs)
        found = getattr(found, "pooler_output", found)
        return found.numpy()

    return features


NETWORKS = {
    "dlib": dlib_network,
    "onet": onet,
    "vgg16": vgg16,
    "transformers": transformers_model,
}
