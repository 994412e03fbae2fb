"""Experiments of both papers on any images: representations, methods, competitors and tables.

The main job (``python -m skstylefeat``) and the scripts in `benchmarks/` are built from these
functions.
"""

from skstylefeat.experiments._annotation_experiment import (
    ANOVA_SELECTION,
    N_PER_CLASS,
    Annotation,
    annotate,
    annotation_experiment,
    annotation_tables,
    answer_query,
    draw_per_class,
    predict_all,
    pseudo_label_predictions,
    second_round,
    select_channels,
    unlabeled_names,
)
from skstylefeat.experiments._baselines import (
    logistic_predictions,
    majority_predictions,
    pixel_plane_distances,
)
from skstylefeat.experiments._fit_recipe import photo_features, recipe_predictions
from skstylefeat.experiments._own_images import load_own_images
from skstylefeat.experiments._regression_experiment import (
    Distances,
    calibrate,
    calibration_rows,
    order_experiment,
    order_table,
    plane_distances,
    regression_experiment,
    regression_tables,
    thirds,
)
from skstylefeat.experiments._rendered_faces import load_rendered_faces
from skstylefeat.experiments._representation import (
    N_COMPONENTS,
    ImageSet,
    level_maps,
    pixel_components,
    psnr_of_latents,
    represent,
)
from skstylefeat.experiments._score_table import (
    Score,
    Summary,
    Table,
    best_columns,
    save_scores,
    summarize,
    tabulate,
)
from skstylefeat.experiments._targets import Target

__all__ = [
    "ANOVA_SELECTION",
    "N_COMPONENTS",
    "N_PER_CLASS",
    "Annotation",
    "Distances",
    "ImageSet",
    "Score",
    "Summary",
    "Table",
    "Target",
    "annotate",
    "annotation_experiment",
    "annotation_tables",
    "answer_query",
    "best_columns",
    "calibrate",
    "calibration_rows",
    "draw_per_class",
    "level_maps",
    "load_own_images",
    "load_rendered_faces",
    "logistic_predictions",
    "majority_predictions",
    "order_experiment",
    "order_table",
    "photo_features",
    "pixel_components",
    "pixel_plane_distances",
    "plane_distances",
    "predict_all",
    "pseudo_label_predictions",
    "psnr_of_latents",
    "recipe_predictions",
    "regression_experiment",
    "regression_tables",
    "represent",
    "save_scores",
    "second_round",
    "select_channels",
    "summarize",
    "tabulate",
    "thirds",
    "unlabeled_names",
]
