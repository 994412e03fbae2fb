"""Effect of the number of training images of a direction, and of their grading: not in the paper.

The competitor is a network trained end to end on the same grades, whose penultimate features are
calibrated in the same way.
"""

import cnn
from calibration import curves
from planes import READ, SharedDirection, labels_of, plane_distances, r2_of_line

KINDS = ("halves", "thirds", "fifths", "values")
N_TAUGHT = (1_200, 3_000, 10_000)
#: The network is retrained for each case, so it gets only the finest coarse labels.
NETWORK_KIND = "fifths"


def grades(study):
    """Score distances with the mirror image, by grading and number of training images.

    Returns
    -------
    dict
        R2 of the best line and the errors from few labels, by case.
    """
    attribute, most = study.attribute, study.data.taught_by(max(N_TAUGHT))
    mirrored = most.mirrored(attribute)
    sizes = [n for n in N_TAUGHT if n <= len(most.sets["teach"])]
    cases = {}
    for n in sizes:
        few = mirrored.taught_by(n)
        rows = {which: images.codes for which, images in few.sets.items()}
        values = few.values(attribute, "teach")
        for kind in KINDS:
            cases[f"W+ plane, {kind} of {n}"] = plane_distances(rows, labels_of(values, kind), kind)
            shared = SharedDirection(few, attribute, kind)
            cases[f"weighted, {kind} of {n}"] = {x: shared.weighted(rows[x]) for x in READ}
        labels = labels_of(values, NETWORK_KIND)
        features = cnn.deep_features(most.taught_by(n), labels)
        cases[f"deep features, {NETWORK_KIND} of {n}"] = plane_distances(
            features, labels, NETWORK_KIND
        )
    table = curves(
        {name: (distances, {}) for name, distances in cases.items()},
        study.y["pool"],
        study.y["test"],
        study.args.draws,
        study.args.jobs,
    )
    lines = {
        name: float(r2_of_line(distances["test"][:, 0], study.y["test"]))
        for name, distances in cases.items()
    }
    return {"lines": lines, "curves": table}
