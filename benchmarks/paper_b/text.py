"""Small image-text model of rendered faces, trained from scratch like CLIP.

LARGE sorts images by directions from text, which need a model that embeds images and captions in
one space. This one learns from rendered faces and captions that are composed of their exact
attributes, by CLIP's symmetric contrastive loss with a learned temperature. It knows drawn faces
and a few dozen words, nothing else::

    python benchmarks/paper_b/text.py

Captions are read as a bag of words and of pairs of neighbors within a phrase: "red hair" and "red
background" differ, the order of the phrases does not matter.
"""

import argparse
import json
import time
from itertools import pairwise
from pathlib import Path

import cnn
import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

from skstylefeat.datasets import make_faces

FILE = "text.safetensors"
MINUTES = 3.2
#: Seeds of no other set of faces.
FIRST_SEED, HELD_OUT_SEED = 1_600_000, 1_650_000
N_CHUNK, N_PASSES, N_HELD_OUT = 4_000, 3, 2_000
BATCH, N_DIMS, N_WIDTH = 128, 64, 128
LEARNING_RATE, WARM_UP = 2e-3, 0.05
FEWEST_USES = 20
#: Shares of captions that leave an attribute out: the face's own, and what is around it.
LEAVE_OUT, LEAVE_OUT_SURROUNDINGS = 0.4, 0.8
SURROUNDINGS = ("background_light", "background_hue", "clothing", "clothing_hue")

#: Upper ends of an attribute's ranges, with phrases for faces in each range.
RANGES = {
    "yaw": (
        (-25, ("looking far to the left", "turned far to the left", "turned far left")),
        (-8, ("looking to the left", "turned to the left", "looking left")),
        (8, ("looking straight ahead", "facing the camera", "looking to the front")),
        (25, ("looking to the right", "turned to the right", "looking right")),
        (45, ("looking far to the right", "turned far to the right", "turned far right")),
    ),
    "pitch": (
        (-8, ("looking down", "looking downwards", "chin down")),
        (8, ("head level", "looking level")),
        (25, ("looking up", "looking upwards", "chin up")),
    ),
    "smile": (
        (-0.4, ("frowning", "a sad mouth", "with a frown")),
        (0.4, ("a neutral mouth", "not smiling")),
        (1, ("smiling", "a happy mouth", "with a smile")),
    ),
    "hair_length": (
        (0.1, ("a shaved head", "bald")),
        (0.45, ("short hair", "with short hair")),
        (1, ("long hair", "with long hair")),
    ),
    "skin_tone": (
        (0.35, ("light skin", "pale skin")),
        (0.65, ("tanned skin", "brown skin")),
        (1, ("dark skin",)),
    ),
    "background_light": (
        (0.35, ("a dark background", "in front of a dark wall")),
        (0.65, ()),
        (1, ("a light background", "in front of a light wall")),
    ),
}
AGES = (
    (14, ("child", "very young")),
    (28, ("young", "youthful")),
    (52, ("middle-aged", "grown-up")),
    (66, ("old", "elderly")),
    (80, ("very old", "aged")),
)
WORDS = {
    "glasses": {
        "none": ("without glasses", "no glasses"),
        "clear": ("with glasses", "wearing glasses", "with clear glasses"),
        "dark": ("with glasses", "with dark glasses", "wearing sunglasses"),
    },
    "facial_hair": {
        "none": ("clean-shaven", "without a beard"),
        "moustache": ("with a moustache",),
        "beard": ("with a beard", "bearded"),
    },
    "clothing": {"crew": (), "vneck": ("in a v-neck",), "collar": ("with a collar",)},
}
#: Upper ends of the parts of the color wheel, in turns.
HUES = (
    (0.05, "red"),
    (0.2, "yellow"),
    (0.45, "green"),
    (0.7, "blue"),
    (0.92, "purple"),
    (1, "red"),
)
#: From this age on, hair is too gray to show its color.
GRAY_FROM = 55
TEMPLATES = ("a photo of {}", "a picture of {}", "{}", "a drawing of {}")

#: The questions of the check, with the rows that they concern and the right answers of those.
QUESTIONS = {
    ("a face looking to the left", "a face looking to the right"): lambda f: (
        np.abs(f["yaw"]) > 8,
        f["yaw"] > 0,
    ),
    ("a face looking down", "a face looking up"): lambda f: (
        np.abs(f["pitch"]) > 8,
        f["pitch"] > 0,
    ),
    ("a young face", "an old face"): lambda f: (np.abs(f["age"] - 40) > 12, f["age"] > 40),
    ("a face without glasses", "a face with glasses"): lambda f: (
        f["age"] > 0,
        f["glasses"] != "none",
    ),
    ("a clean-shaven face", "a face with a beard"): lambda f: (
        f["facial_hair"] != "moustache",
        f["facial_hair"] == "beard",
    ),
    ("a face, frowning", "a face, smiling"): lambda f: (np.abs(f["smile"]) > 0.4, f["smile"] > 0),
}


def caption(frame, row, rng):
    """Compose a caption of one face: some of its attributes, in any order and wording."""

    def phrase(wordings):
        return [wordings[rng.integers(len(wordings))]] if len(wordings) else []

    def shown(name):
        return rng.random() > (LEAVE_OUT_SURROUNDINGS if name in SURROUNDINGS else LEAVE_OUT)

    phrases = []
    for name, ranges in RANGES.items():
        if shown(name):
            phrases += phrase(_in_range(ranges, frame[name][row]))
    for name, wordings in WORDS.items():
        if shown(name):
            phrases += phrase(wordings[frame[name][row]])
    for thing, hue in (("background", "background_hue"), ("clothes", "clothing_hue")):
        if shown(hue):
            phrases.append(f"{_in_range(HUES, frame[hue][row])} {thing}")
    if shown("hair_color") and frame["age"][row] < GRAY_FROM and frame["hair_length"][row] > 0.1:
        phrases.append(f"{frame['hair_color'][row]} hair")
    age = phrase(_in_range(AGES, frame["age"][row])) if shown("age") else []
    subject = TEMPLATES[rng.integers(len(TEMPLATES))].format(" ".join(["a", *age, "face"]))
    rng.shuffle(phrases)
    return ", ".join([subject, *phrases])


def _in_range(ranges, value):
    return next(wordings for high, wordings in ranges if value <= high)


def tokens(text):
    """Return words, and pairs of neighbors within a phrase."""
    found = []
    for phrase in text.lower().split(","):
        words = ["a" if word == "an" else word for word in phrase.split()]
        found += words + [" ".join(pair) for pair in pairwise(words)]
    return found


class ImageText(nn.Module):
    """Images and captions to unit vectors of one space.

    Parameters
    ----------
    vocabulary : list of str
        Tokens that the captions may use.
    side : int
        Width of the images in pixels.
    """

    def __init__(self, vocabulary, side=64):
        super().__init__()
        self.places = {token: i for i, token in enumerate(vocabulary)}
        self.image = cnn.SmallResNet(side, N_DIMS)
        self.words = nn.EmbeddingBag(len(vocabulary), N_WIDTH, mode="sum")
        self.text = nn.Sequential(
            nn.LayerNorm(N_WIDTH),
            nn.Linear(N_WIDTH, N_WIDTH),
            nn.GELU(),
            nn.Linear(N_WIDTH, N_DIMS),
        )
        self.log_scale = nn.Parameter(torch.tensor(np.log(1 / 0.07), dtype=torch.float32))

    def read(self, texts):
        """Return embeddings (n, d) of captions; tokens outside the vocabulary are ignored."""
        rows = [[self.places[t] for t in tokens(text) if t in self.places] for text in texts]
        for text, row in zip(texts, rows, strict=True):
            if not row:
                raise ValueError(f"No word of {text!r} is among those that the model has seen.")
        starts = torch.tensor(np.cumsum([0, *map(len, rows)])[:-1])
        return F.normalize(self.text(self.words(torch.tensor(np.concatenate(rows)), starts)), dim=1)

    def loss(self, pictures, texts):
        """Return CLIP's loss: each image finds its caption, and each caption its image."""
        scale = self.log_scale.clamp(max=np.log(100)).exp()
        logits = scale * F.normalize(self.image(pictures), dim=1) @ self.read(texts).T
        own = torch.arange(len(texts))
        return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2

    def encode_images(self, images):
        """Return embeddings of images (n, H, W, 3) in [0, 1], as `TextDirection` asks for them."""
        return cnn.outputs(lambda x: F.normalize(self.image(x), dim=1), images)

    def encode_texts(self, texts):
        """Return embeddings of a list of captions, as `TextDirection` asks for them."""
        with torch.no_grad():
            return self.read(texts).double().numpy()


def train(minutes=MINUTES, seed=0):
    """Train a model for some minutes of processor time.

    Returns
    -------
    model : ImageText
        In evaluation mode.
    facts : dict
        What it saw.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    start = time.process_time()
    model, n_chunks, n_steps = None, 0, 0
    while (spent := (time.process_time() - start) / 60 / minutes) < 1:
        faces = make_faces(N_CHUNK, random_state=FIRST_SEED + n_chunks)
        n_chunks += 1
        if model is None:
            model = ImageText(_vocabulary(faces.attributes, rng))
            optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.05)
        for _ in range(N_PASSES):
            order = rng.permutation(N_CHUNK)
            for rows in np.split(order, range(BATCH, N_CHUNK, BATCH)):
                spent = min((time.process_time() - start) / 60 / minutes, 1)
                rate = min(spent / WARM_UP, (1 + np.cos(np.pi * spent)) / 2)
                optimizer.param_groups[0]["lr"] = LEARNING_RATE * rate
                pictures = _seen(cnn.to_tensor(faces.images[rows].astype(np.float32) / 255), rng)
                loss = model.loss(pictures, [caption(faces.attributes, row, rng) for row in rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                n_steps += 1
        print(f"{spent:.0%}, step {n_steps}: loss {loss.item():.2f}", flush=True)
    facts = {"faces": n_chunks * N_CHUNK, "steps": n_steps, "minutes": minutes}
    return model.eval(), facts | {"words": len(model.places)}


def _vocabulary(frame, rng, n_readings=5):
    """Return the tokens that captions use more than now and then."""
    counts = {}
    for row in np.repeat(np.arange(N_CHUNK), n_readings):
        for token in tokens(caption(frame, row, rng)):
            counts[token] = counts.get(token, 0) + 1
    return sorted(token for token, count in counts.items() if count >= FEWEST_USES)


def _seen(pictures, rng):
    """Return pictures a little shifted, and half of them soft, as a generator's are."""
    shift = tuple(rng.integers(-cnn.MOST_SHIFT, cnn.MOST_SHIFT + 1, size=2).tolist())
    pictures = torch.roll(pictures, shift, (2, 3))
    soft = torch.from_numpy(rng.random(len(pictures)) < 0.5)[:, None, None, None]
    blurred = F.avg_pool2d(pictures, 3, 1, 1, count_include_pad=False)
    return torch.where(soft, blurred, pictures).contiguous(memory_format=torch.channels_last)


def zero_shot(model):
    """Return accuracy and the share of the larger class for each question, on new faces."""
    faces = make_faces(N_HELD_OUT, random_state=HELD_OUT_SEED)
    embedded = model.encode_images(faces.images.astype(np.float32) / 255)
    found = {}
    for prompts, ask in QUESTIONS.items():
        concerned, second = ask(faces.attributes)
        low, high = (embedded @ model.encode_texts(list(prompts)).T).T
        right = (high > low)[concerned] == second[concerned]
        share = second[concerned].mean()
        found[" / ".join(prompts)] = [float(right.mean()), float(max(share, 1 - share))]
    return found


def load_model(folder, minutes=MINUTES):
    """Return the model of a folder and its facts; it is trained if the folder has none."""
    path = Path(folder) / FILE
    if not path.exists():
        model, facts = train(minutes)
        facts["zero-shot"] = zero_shot(model)
        path.parent.mkdir(parents=True, exist_ok=True)
        state = {name: value.contiguous() for name, value in model.state_dict().items()}
        notes = {"facts": json.dumps(facts), "vocabulary": json.dumps(list(model.places))}
        save_file(state, path, notes)
    with safe_open(path, "pt") as file:
        notes = {name: json.loads(text) for name, text in file.metadata().items()}
    model = ImageText(notes["vocabulary"])
    model.load_state_dict(load_file(path))
    return model.eval(), notes["facts"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/paper_b"))
    parser.add_argument("--minutes", type=float, default=MINUTES, help="of processor time")
    args = parser.parse_args()
    _, facts = load_model(args.out, args.minutes)
    print(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
