"""Accuracy, key presses and seconds of a labeling session on rendered faces.

Run as ``python -m benchmarks.benchmark_labeling`` in the repository. The session's own engine asks
24 questions for each attribute, the true labels answer them, one key per label, and all other
images are scored. The parameters of the engine were chosen on the seeds 0 to 5; the seeds below
had no part in that.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from skstylefeat.datasets import make_faces
from skstylefeat.labeling import ImageFolder, LabelStore, Preparation, Session, prepare

SEEDS = tuple(range(100, 106))
ATTRIBUTES = {"glasses": "class", "age group": "class", "age": "number", "yaw": "number"}


def true_labels(frame):
    """Return the labels by attribute, as a person would give them."""
    return {
        "glasses": np.where(np.asarray(frame["glasses"]) == "none", "without", "with"),
        "age group": np.where(np.asarray(frame["age"]) < 40, "under 40", "40 and over"),
        "age": np.asarray(frame["age"], dtype=np.float64).round(),
        "yaw": np.asarray(frame["yaw"], dtype=np.float64).round(),
    }


def run_session(folder, truth):
    """Answer all questions of a session and return its scores by attribute, and its seconds."""
    start, cpu = time.perf_counter(), time.process_time()
    images, work = ImageFolder(folder), folder.with_name("work")
    prepared = prepare(images, Preparation(), work, verbose=0)
    prepared.save(work)
    session = Session(images, prepared, LabelStore(work / "labels.sqlite"), work / "names.csv")
    for name, kind in ATTRIBUTES.items():
        session.define_attribute(name, kind)
        if kind == "class":
            session.define_classes(np.unique(truth[name]).tolist(), name)
    session.start()
    ready = time.perf_counter() - start, time.process_time() - cpu

    scores, slowest, n_keys = {}, 0.0, 0
    for name, kind in ATTRIBUTES.items():
        asked = 0
        while not session.is_complete(name):
            query = session.questions(name).query.tolist()
            row = next(row for row in query if row not in session.labels_of(name))
            begin = time.perf_counter()
            session.label([images.names[row]], f"{truth[name][row]}", attribute=name, n_keys=1)
            session.progress(name)
            slowest = max(slowest, time.perf_counter() - begin)
            asked += 1
        n_keys = max(n_keys, asked)
        free = np.setdiff1d(np.arange(len(images)), list(session.labels_of(name)))
        reading, true = session.reading(name), truth[name][free]
        values = np.asarray(reading.values)[free]
        if kind == "class":
            baseline = np.unique(true, return_counts=True)[1].max() / len(true)
            scores[name] = [100 * np.mean(values == true), 100 * baseline]
            scores[name] += [100 * reading.estimate.score, np.nan]
        else:
            inside = (reading.low[free] <= true) & (true <= reading.high[free])
            error = np.abs(values.astype(float) - true).mean()
            baseline = np.abs(true - true.mean()).mean()
            scores[name] = [error, baseline, reading.estimate.score, 100 * inside.mean()]
    session.close()
    return scores, ready, slowest, n_keys


def main():
    """Print the mean and the worst of the scores over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n-images", type=int, default=500)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    arguments = parser.parse_args()

    runs = []
    for seed in arguments.seeds:
        faces = make_faces(arguments.n_images, random_state=seed)
        with tempfile.TemporaryDirectory() as home:
            folder = Path(home) / "faces"
            folder.mkdir()
            for number, pixels in enumerate(faces.images):
                Image.fromarray(pixels).save(folder / f"face-{number:04}.png")
            runs.append(run_session(folder, true_labels(faces.attributes)))
        print("seed {}: ready after {:.1f} s, of which {:.1f} s CPU".format(seed, *runs[-1][1]))

    print(
        f"\n{arguments.n_images} images, {len(runs)} seeds, {runs[0][3]} key presses each at most"
    )
    print("attribute   | score | worst | baseline | estimate | inside 90 % interval")
    for name, kind in ATTRIBUTES.items():
        values = np.array([scores[name] for scores, *_ in runs])
        worst = values[:, 0].min() if kind == "class" else values[:, 0].max()
        mean = values.mean(axis=0)
        inside = "" if kind == "class" else f"{mean[3]:.0f} %"
        print(
            f"{name:<11} | {mean[0]:5.1f} | {worst:5.1f} | {mean[1]:8.1f} | {mean[2]:8.1f} | "
            f"{inside}"
        )
    wall, cpu = max(run[1] for run in runs)
    print(f"ready after {wall:.1f} s at most, of which {cpu:.1f} s CPU")
    print(f"slowest answer to a label: {max(run[2] for run in runs):.2f} s")


if __name__ == "__main__":
    main()
