"""Names of rendered faces from the maps of two generators that share their codes.

The codes are those of `faces64-encoder`, so the maps alone differ: those of `faces64`, and those of
the StyleGAN3 that `distill_stylegan3.py` made from it. The annotator reads 4 labels per class to
choose channels, and 3 labels in each of 10 clusters::

    python benchmarks/weights/shared_codes.py runs/stylegan3/generator.safetensors
"""

import argparse

import numpy as np
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline

from skstylefeat import (
    ChannelMISelector,
    ClusterAnnotator,
    FeatureMapExtractor,
    MaxPoolReducer,
    load_encoder,
    load_generator,
)
from skstylefeat.datasets import make_faces

SEED = 201


def codes_and_names(n, seed):
    """Return W+ codes (n, 10, w_dim) of rendered faces, and their classes by target."""
    faces = make_faces(n, image_size=64, random_state=seed)
    table = faces.attributes
    names = {
        "glasses": np.asarray(table["glasses"]) != "none",
        "beard": np.asarray(table["facial_hair"]) == "beard",
        "age group": np.asarray(table["age"]) >= 40,
    }
    codes = load_encoder("faces64-encoder").encode(faces.images / np.float32(255))
    return codes, {target: y.astype(int) for target, y in names.items()}


def rows_for(generator, codes):
    """Return the codes as rows of `generator`, which may have one more in front."""
    n_more = generator.n_ws - codes.shape[1]
    return np.concatenate([codes[:, :1]] * n_more + [codes], axis=1).reshape(len(codes), -1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("generator", help="file of the StyleGAN3")
    parser.add_argument("--train", type=int, default=500, help="faces to annotate")
    parser.add_argument("--test", type=int, default=500, help="faces to name")
    parser.add_argument("--draws", type=int, default=5)
    args = parser.parse_args()
    train, y_train = codes_and_names(args.train, SEED)
    test, y_test = codes_and_names(args.test, SEED + 1)
    print(
        "| balanced accuracy in % | " + " | ".join(y_train) + " |\n|" + "---|" * (1 + len(y_train))
    )
    for name in ("faces64", args.generator):
        generator = load_generator(name)
        cells = []
        for target, y in y_train.items():
            scores = []
            for seed in range(args.draws):
                model = make_pipeline(
                    FeatureMapExtractor(generator),
                    ChannelMISelector(score="anova", random_state=seed),
                    MaxPoolReducer(),
                    ClusterAnnotator(n_clusters=10, random_state=seed),
                )
                model.fit(rows_for(generator, train), y)
                guessed = model.predict(rows_for(generator, test))
                scores.append(100 * balanced_accuracy_score(y_test[target], guessed))
            cells.append(f"{np.mean(scores):.1f} ± {np.std(scores):.1f}")
        print(f"| {generator.name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
