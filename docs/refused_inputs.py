"""Inputs that are refused or reported, for the page refused.md: each is made and tried here.

Run from the repository: ``python docs/refused_inputs.py`` writes the page. A test compares it with
what the package says.
"""

import copy
import http.client
import importlib.util
import io
import json
import pickle
import re
import struct
import sys
import tempfile
import threading
import warnings
import zipfile
import zlib
from collections.abc import Callable
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).with_name("refused.md")
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

import skstylefeat  # noqa: E402
from skstylefeat import (  # noqa: E402
    ChannelMISelector,
    ClusterAnnotator,
    HyperplaneDistance,
    LatentRegressor,
    StyleGANInverter,
    latents,
    load_encoder,
    load_generator,
)
from skstylefeat.images import as_images, list_images  # noqa: E402
from skstylefeat.labeling._folder import ImageFolder, read_file_labels  # noqa: E402
from skstylefeat.networks import Generator  # noqa: E402
from tests.support import labeling, other_families  # noqa: E402
from tests.support.networks import tiny_module, write_pair  # noqa: E402

INTRO = """\
# What is refused and why

Few labels leave no room for a silent mistake. Files and numbers that are damaged, dangerous or
have two meanings are refused with an error that names them; where a guess is safe, it is made and
a warning reports it. The messages below are written by `docs/refused_inputs.py`, which makes each
input and tries it, so they are what the installed package says. Names of folders are left out.

Errors about the format of files of weights, latents and directions are
{class}`~skstylefeat.exceptions.CheckpointError`, a `ValueError`. All others are `ValueError`, or
`FileNotFoundError` where a file is missing.
"""
CASES = []


@dataclass
class Case:
    """An input.

    Attributes
    ----------
    section : str
        Heading of the page.
    title : str
        Description of the input.
    why : str
        Reason why it is not accepted in silence.
    remedy : str
        Remedy.
    run : callable
        Function of an empty folder; it raises, warns, or returns the text of an answer.
    """

    section: str
    title: str
    why: str
    remedy: str
    run: Callable


def case(section, title, why, remedy):
    """Add the decorated function as the `run` of a case."""

    def add(run):
        CASES.append(Case(section, title, why, remedy, run))
        return run

    return add


def outcome(one):
    """Return what comes of an input: the class and the text of an error or warning."""
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        folder = Path(name)
        try:
            answer = one.run(folder)
        except Exception as error:
            kind, text = type(error).__name__, str(error)
        else:
            own = [
                w for w in caught if "skstylefeat" in w.filename or w.category is not UserWarning
            ]
            own = own or caught
            if answer is not None:
                kind, text = answer
            else:
                kind, text = own[0].category.__name__, str(own[0].message)
    text = text.replace(f"{folder}/", "").replace(str(folder), "folder")
    text = re.sub(r"[0-9a-f]{64}", "…", text).replace(skstylefeat.__version__, "(this version)")
    return kind, text


def render(one, found):
    """Return the lines of a case and its outcome."""
    kind, text = found
    return [
        f"**{one.title}**",
        "",
        "```text",
        f"{kind}: {text}",
        "```",
        "",
        f"{one.why} *{one.remedy}*",
        "",
    ]


def page():
    """Return the text of the page."""
    lines, section = [INTRO], ""
    for one in CASES:
        if one.section != section:
            section = one.section
            lines += [f"## {section}", ""]
        lines += render(one, outcome(one))
    return "\n".join(lines)


# Checkpoints

FILES = "Files of weights"


@case(
    FILES,
    "A pickle that names a function other than those of its format",
    "Loading it with `pickle` or `torch.load` could run any program. Here nothing is run: files "
    "are interpreted.",
    "Get the file from its authors, or convert it on a machine that holds nothing else.",
)
def _(folder):
    (folder / "network.pkl").write_bytes(b"\x80\x04cposix\nsystem\n\x8c\x04true\x85R.")
    load_generator(folder / "network.pkl")


@case(
    FILES,
    "A file that ends too early",
    "A part of the weights is missing.",
    "Download it again and compare its size or hash.",
)
def _(folder):
    generator, _ = write_pair(folder)
    data = Path(generator).read_bytes()
    (folder / "cut.safetensors").write_bytes(data[: len(data) // 2])
    load_generator(folder / "cut.safetensors")


@case(
    FILES,
    "An encoder where a generator is expected",
    "Tensors that share a name may have another meaning.",
    "Give the other file, or look into it with `python -m skstylefeat inspect`.",
)
def _(folder):
    _, encoder = write_pair(folder)
    load_generator(encoder)


@case(
    FILES,
    "A tensor of the wrong shape",
    "The file belongs to another architecture, or has been edited.",
    "Use the file as it was published.",
)
def _(folder):
    _change_tensors(folder, lambda tensor: torch.cat([tensor, tensor]))


@case(
    FILES,
    "Weights that are NaN or infinite",
    "Every image and every code would be NaN, or worse, only some.",
    "Training has diverged; take an earlier snapshot.",
)
def _(folder):
    _change_tensors(folder, lambda tensor: tensor * np.nan)


@case(
    FILES,
    "Weights that are complex numbers",
    "A conversion would drop the imaginary part.",
    "Save real numbers.",
)
def _(folder):
    _change_tensors(folder, lambda tensor: tensor.to(torch.complex64))


def _change_tensors(folder, change):
    generator, _ = write_pair(folder)
    from safetensors import safe_open

    with safe_open(generator, "pt") as file:
        card = file.metadata()
    state = load_file(generator)
    name = next(name for name in sorted(state) if state[name].ndim == 4)
    save_file(state | {name: change(state[name])}, folder / "changed.safetensors", metadata=card)
    load_generator(folder / "changed.safetensors")


@case(
    FILES,
    "A network of a family without a reader",
    "Names of tensors show that its images need more than codes.",
    "The message says what can be loaded instead.",
)
def _(folder):
    other_families.write_gfpgan(folder / "GFPGANv1.4.pth")
    load_generator(folder / "GFPGANv1.4.pth")


@case(
    FILES,
    "A conditional network without a class",
    "Each class has its own latent space.",
    "Give `c`.",
)
def _(folder):
    Generator(tiny_module(8, c_dim=4), name="conditional").mapping(np.zeros((1, 5)))


@case(
    FILES,
    "An encoder and a generator that do not fit",
    "Codes of one generator mean nothing to another.",
    "Use a pair that was trained together.",
)
def _(folder):
    small, _ = write_pair(folder / "small")
    _, encoder = write_pair(folder / "large", resolution=16)
    StyleGANInverter(small, encoder).fit(np.zeros((2, 8, 8, 3)))


# Latents

LATENTS = "Latents and directions"


@case(
    LATENTS,
    "An array of objects that hold a function",
    "As for networks, nothing is run.",
    "Save plain numbers.",
)
def _(folder):
    (folder / "w.pkl").write_bytes(b"\x80\x04cposix\nsystem\n\x8c\x04true\x85R.")
    latents.load_latents(folder / "w.pkl")


@case(
    LATENTS,
    "Complex latents",
    "A conversion would drop the imaginary part.",
    "Save real numbers.",
)
def _(folder):
    np.save(folder / "w.npy", np.zeros((3, 512), complex))
    latents.load_latents(folder / "w.npy")


@case(
    LATENTS,
    "Latents with NaN",
    "One such row makes distances and fits NaN.",
    "Invert these images again, or remove the rows.",
)
def _(folder):
    np.save(folder / "w.npy", np.full((3, 512), np.nan))
    latents.load_latents(folder / "w.npy")


@case(
    LATENTS,
    "An array that may be 18 W codes or one W+ code",
    "Both readings give images, and only one is right.",
    "Choose by `space`.",
)
def _(folder):
    np.save(folder / "w.npy", np.ones((18, 512)))
    latents.load_latents(folder / "w.npy")


@case(
    LATENTS,
    "Latents of 8-bit integers",
    "Their scale is not known.",
    "Save floating-point numbers.",
)
def _(folder):
    np.save(folder / "w.npy", np.ones((3, 512), np.int8))
    latents.load_latents(folder / "w.npy")


@case(
    LATENTS,
    "A direction of zeros",
    "Every distance along it would be 0.",
    "Learn the direction from labels with a difference.",
)
def _(folder):
    np.save(folder / "direction.npy", np.zeros(512))
    latents.load_direction(folder / "direction.npy")


@case(
    LATENTS,
    "Components without a number",
    "A file of components holds no single direction.",
    "Choose by `index`.",
)
def _(folder):
    components = {"lat_comp": np.eye(4)[:, None], "lat_stdev": np.arange(4.0, 0, -1)}
    np.savez(folder / "pca.npz", **components, lat_mean=np.zeros((1, 4)))
    latents.load_direction(folder / "pca.npz")


@case(
    LATENTS,
    "W+ codes whose layers differ, where W is expected",
    "A mean over layers is another image.",
    "Keep W+, or invert to W.",
)
def _(folder):
    latents.w_plus_to_w(np.arange(2 * 18 * 4.0).reshape(2, 18, 4))


# Images

IMAGES = "Images"


@case(
    IMAGES,
    "One color image of shape (H, W, 3)",
    "It could be one image or H gray ones, 3 pixels wide.",
    "Add the axis that the message names.",
)
def _(folder):
    as_images(np.zeros((64, 64, 3)))


@case(
    IMAGES,
    "An array of shape (3, H, W)",
    "It could be one image in torch's order of axes, or three gray ones.",
    "Say which by one of the two expressions.",
)
def _(folder):
    as_images(np.zeros((3, 64, 64)))


@case(
    IMAGES,
    "Channels before height and width",
    "Arrays have channels last; tensors of torch have them first.",
    "Transpose the array.",
)
def _(folder):
    as_images(np.zeros((5, 3, 64, 64)))


@case(
    IMAGES,
    "Four channels",
    "Transparent pixels have no color; which background is right is not known.",
    "Drop the alpha channel, or give files, whose background becomes white.",
)
def _(folder):
    as_images(np.zeros((5, 64, 64, 4)))


@case(
    IMAGES,
    "Floats from 0 to 255",
    "The scale of one dark image cannot be told from its values.",
    "Divide by 255.",
)
def _(folder):
    as_images(np.full((1, 8, 8, 3), 200.0)).read()


@case(
    IMAGES,
    "Floats from -1 to 1",
    "Networks use this scale, images do not.",
    "Rescale as the message says.",
)
def _(folder):
    as_images(np.full((1, 8, 8, 3), -0.5)).read()


@case(
    IMAGES,
    "12 bits in a file or an array of 16 bits",
    "It would be nearly black.",
    "Multiply by 16, or save it with 8 bits.",
)
def _(folder):
    Image.fromarray(np.full((8, 8), 4095, np.uint16)).save(folder / "scan.png")
    as_images([folder / "scan.png"]).read()


@case(
    IMAGES,
    "A small file with a huge image",
    "It would fill the memory.",
    "Reduce the image, or raise the limit for files that you trust.",
)
def _(folder):
    (folder / "bomb.png").write_bytes(_png_header(60_000, 60_000))
    as_images([folder / "bomb.png"]).read()


def _png_header(width, height):
    def chunk(kind, data):
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@case(
    IMAGES,
    "A file that is no image",
    "Leaving it out without a word would shift the labels.",
    "Repair or remove it, or use `on_error='nan'` (`--skip-unreadable` in commands).",
)
def _(folder):
    (folder / "7.png").write_text("not found")
    as_images([folder / "7.png"]).read()


@case(
    IMAGES,
    "A folder with images in formats that are not read",
    "The images are fewer than the folder shows.",
    "Convert them.",
)
def _(folder):
    for name in ("1.png", "2.heic", "3.jfif"):
        Image.new("RGB", (8, 8)).save(folder / name, "PNG")
    as_images(folder)


@case(
    IMAGES,
    "A damaged zip archive",
    "Its list of files cannot be trusted.",
    "Pack it again.",
)
def _(folder):
    with zipfile.ZipFile(folder / "images.zip", "w") as archive:
        archive.writestr("1.png", b"x")
    data = bytearray((folder / "images.zip").read_bytes())
    data[data.index(b"PK\x01\x02")] = 0
    (folder / "images.zip").write_bytes(data)
    list_images(folder / "images.zip")


# Tables of labels

TABLES = "Tables of labels"


def _read(folder, content, names=("1.jpg", "2.jpg", "3.jpg")):
    images = folder / "images"
    images.mkdir()
    for name in names:
        (images / name).touch()
    data = content if isinstance(content, bytes) else content.encode()
    (folder / "labels.csv").write_bytes(data)
    read_file_labels(folder / "labels.csv", ImageFolder(images))


@case(
    TABLES,
    "Two labels for one photo",
    "One of them is wrong.",
    "Correct the table; rows that agree are fine.",
)
def _(folder):
    _read(folder, "file,label\n1.jpg,yes\n2.jpg,no\n1.jpg,no\n")


@case(
    TABLES,
    "Files that are not in the folder",
    "The table may belong to another folder, or the match may be wrong.",
    "Give the right folder, or remove the rows.",
)
def _(folder):
    _read(folder, "file,label\n1.jpg,yes\n9.jpg,no\n")


@case(
    TABLES,
    "Names that fit several images",
    "1.jpg lies in two subfolders.",
    "Write the subfolder, too.",
)
def _(folder):
    for name in ("a", "b"):
        (folder / "images" / name).mkdir(parents=True)
        (folder / "images" / name / "1.jpg").touch()
    (folder / "labels.csv").write_text("file,label\n1.jpg,yes\n")
    read_file_labels(folder / "labels.csv", ImageFolder(folder / "images"))


@case(
    TABLES,
    "Two columns that name images",
    "Only one can be the one that is labeled.",
    "Call it `file`.",
)
def _(folder):
    _read(folder, "left,right,label\n1.jpg,2.jpg,yes\n2.jpg,3.jpg,no\n")


@case(
    TABLES,
    "No header",
    "The first label would be lost.",
    "Add the line.",
)
def _(folder):
    _read(folder, "1.jpg,yes\n2.jpg,no\n")


@case(
    TABLES,
    "A quote that is never closed",
    "All rows after it would be one cell.",
    "Close it, or double quotes inside of a cell.",
)
def _(folder):
    _read(folder, 'file,label\n1.jpg,"yes\n2.jpg,no\n')


@case(
    TABLES,
    "Rows of unequal length, such as decimal commas between commas",
    "Cells after the extra comma would move to other columns.",
    "Use semicolons between cells, or decimal points.",
)
def _(folder):
    _read(folder, "file,label\n1.jpg,1,5\n2.jpg,2\n")


@case(
    TABLES,
    "A workbook",
    "It is not text.",
    "Save the sheet as CSV.",
)
def _(folder):
    _read(folder, b"PK\x03\x04 sheet")


@case(
    TABLES,
    "A table that is not in UTF-8",
    "Which of the old encodings it has is a guess, and only letters with accents tell.",
    "Save it as UTF-8.",
)
def _(folder):
    _read(folder, "file,größe\n1.jpg,x\n".encode("cp1252"))


@case(
    TABLES,
    "A table in two encodings",
    "Either half would be misread.",
    "Save it as UTF-8.",
)
def _(folder):
    _read(folder, "file,label\n1.jpg,größe\n".encode() + "2.jpg,größe\n".encode("cp1252"))


@case(
    TABLES,
    "One class in two spellings",
    "The page would ask for two classes that are one. Case, blanks, normal forms and characters "
    "that cannot be seen do not count.",
    "Write one of them.",
)
def _(folder):
    _read(folder, "file,label\n1.jpg,Yes\n2.jpg,yes\n3.jpg,yes\n")


@case(
    TABLES,
    "The text None or NA as a label",
    "It usually marks a missing label, but may be a class.",
    "Write `none` for the class, or leave the cell empty.",
)
def _(folder):
    _read(folder, "file,label\n1.jpg,None\n2.jpg,glasses\n3.jpg,glasses\n")


@case(
    TABLES,
    "A dataset.json with two labels for a key",
    "Readers of JSON keep the last one without a word.",
    "Remove the wrong one.",
)
def _(folder):
    _read(folder, json.dumps({"labels": {"1.jpg": "yes"}})[:-2] + ', "1.jpg": "no"}}')


# Labels

LABELS = "Labels"


@case(
    LABELS,
    "Numbers for a classifier",
    "Each number would be a class.",
    "Cut them into classes, or use LatentRegressor.",
)
def _(folder):
    rows = np.random.default_rng(0).normal(size=(60, 3))
    ClusterAnnotator(3).fit(rows, rows[:, 0])


@case(
    LABELS,
    "-1 next to 0 and 1",
    "-1 is scikit-learn's mark of a missing label, but may be a grade. -1 next to 1 alone is a "
    "class.",
    "Write None or NaN for missing labels, or the classes as texts.",
)
def _(folder):
    rows = np.random.default_rng(0).normal(size=(60, 3))
    ClusterAnnotator(3, query="labeled", random_state=0).fit(rows, np.arange(60) % 3 - 1)


@case(
    LABELS,
    "One class only",
    "There is no difference to learn.",
    "Label images of another class.",
)
def _(folder):
    maps = np.random.default_rng(0).random((8, 3, 4, 4))
    ChannelMISelector().fit(maps, ["glasses"] * 8)


@case(
    LABELS,
    "Texts mixed with numbers",
    "Such labels have no order, and '1' and 1 may be one class.",
    "Use one type.",
)
def _(folder):
    rows = np.random.default_rng(0).normal(size=(8, 3))
    ClusterAnnotator(2, query="labeled").fit(rows, ["a", 1] * 4)


@case(
    LABELS,
    "Fewer labels than images",
    "Which images they belong to is not known.",
    "Give None, NaN or -1 where a label is missing.",
)
def _(folder):
    HyperplaneDistance().fit(np.random.default_rng(0).normal(size=(8, 3)), [0, 1])


# Parameters

PARAMETERS = "Parameters"


@case(
    PARAMETERS,
    'device="cuda" without CUDA',
    "Without this check the job would end hours later, at the first image.",
    "Use 'auto' or 'cpu'.",
)
def _(folder):
    def no_cuda(*args, **kwargs):
        raise AssertionError("Torch not compiled with CUDA enabled")

    generator, _ = write_pair(folder)
    with patch("torch.empty", no_cuda):
        load_generator(generator, device="cuda")


@case(
    PARAMETERS,
    'cache_dir=""',
    "It would fill the working folder with files.",
    "Give a folder, or None.",
)
def _(folder):
    StyleGANInverter(*write_pair(folder), cache_dir="").fit(np.zeros((2, 8, 8, 3)))


@case(
    PARAMETERS,
    "More clusters than images",
    "Some clusters would be empty.",
    "Take fewer clusters.",
)
def _(folder):
    ClusterAnnotator(9).fit(np.random.default_rng(0).normal(size=(5, 3)))


# Replaced files

REPLACED = "Replaced files and other versions"


@case(
    REPLACED,
    "A network whose file has been replaced since a fit",
    "The fitted estimator remembers the SHA-256, since other weights give other codes.",
    "Put the file back, or fit again.",
)
def _(folder):
    _, encoder = write_pair(folder)
    saved = pickle.dumps(load_encoder(encoder))
    _, other = write_pair(folder / "other", resolution=16)
    Path(encoder).write_bytes(Path(other).read_bytes())
    pickle.loads(saved)


@case(
    REPLACED,
    "An estimator that another version has saved",
    "Attributes and defaults may have changed.",
    "Fit it again, or install that version.",
)
def _(folder):
    regressor = LatentRegressor(n_refits=None).fit(np.arange(8.0)[:, None], np.arange(8.0))
    state = regressor.__getstate__()
    state = {key: "0.0.1" if "version" in key and "sklearn" not in key else value
             for key, value in state.items()}  # fmt: skip
    copy.copy(LatentRegressor()).__setstate__(state)


# Page and service

SERVERS = "The labeling page and the service"


@contextmanager
def _page(folder):
    with closing(labeling.open_session(folder)) as session, labeling.serving(session) as server:
        session.define_classes(["warm", "cold"])
        yield server


def _ask(server, method, path, body=None, headers=None):
    """Return the status and the reason of an answer."""
    connection = http.client.HTTPConnection(*server.server_address, timeout=30)
    with closing(connection):
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        text = json.loads(response.read())["error"]
    text = text.replace(str(server.server_address[1]), "(port)")
    return f"{response.status} {response.reason}", text


@case(
    SERVERS,
    "A request under another host name",
    "Another site may have pointed its name to this machine.",
    "Open the address that the command printed.",
)
def _(folder):
    with _page(folder) as server:
        return _ask(server, "GET", "/", headers={"Host": "evil.example"})


@case(
    SERVERS,
    "A request without the session's token",
    "Other users of the machine can reach the port.",
    "Open the address that the command printed.",
)
def _(folder):
    with _page(folder) as server:
        return _ask(server, "GET", "/guess/layout")


@case(
    SERVERS,
    "A label that another page sends",
    "A site in another tab must not label.",
    "Label on the page itself.",
)
def _(folder):
    with _page(folder) as server:
        headers = {"Origin": "http://evil.example", "Content-Type": "application/json"}
        return _ask(server, "POST", f"/{labeling.TOKEN}/undo", b"{}", headers)


@case(
    SERVERS,
    "A body in chunks, or with two lengths",
    "What follows could be taken for another request.",
    "Send one Content-Length.",
)
def _(folder):
    with _page(folder) as server:
        headers = {"Transfer-Encoding": "chunked", "Content-Type": "application/json"}
        return _ask(server, "POST", f"/{labeling.TOKEN}/undo", b"0\r\n\r\n", headers)


@contextmanager
def _service():
    spec = importlib.util.spec_from_file_location("service", ROOT / "examples" / "service.py")
    service = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(service)
    with service.Server(("127.0.0.1", 0), LatentRegressor()) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@case(
    SERVERS,
    "An .npy file whose header announces more than it holds",
    "Memory would be taken for the announced numbers.",
    "Send the whole array.",
)
def _(folder):
    file = io.BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": (9, 100_000, 100_000, 3)}
    np.lib.format.write_array_header_1_0(file, header)
    with _service() as server:
        return _ask(server, "POST", "/predict", file.getvalue())


@case(
    SERVERS,
    "An .npy file of objects",
    "It holds a pickle.",
    "Send numbers.",
)
def _(folder):
    file = io.BytesIO()
    np.save(file, np.array([None]))
    with _service() as server:
        return _ask(server, "POST", "/predict", file.getvalue())


@case(
    SERVERS,
    "A small image file of many pixels",
    "It would fill the memory of the service.",
    "Send a smaller image.",
)
def _(folder):
    with _service() as server:
        return _ask(server, "POST", "/predict", _png_header(60_000, 60_000))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
