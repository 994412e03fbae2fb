"""Mutual information of feature maps, scores by classes, and scores by group and attribute."""

from skstylefeat.metrics._binning import bin_maps, default_n_bins
from skstylefeat.metrics._counterfactual_scores import (
    CounterfactualScores,
    counterfactual_scores,
)
from skstylefeat.metrics._group_scores import GroupScores, by_group
from skstylefeat.metrics._mutual_information import mutual_information, pairwise_mutual_information
from skstylefeat.metrics._scores import clustering_accuracy, intra_inter_mi

__all__ = [
    "CounterfactualScores",
    "GroupScores",
    "bin_maps",
    "by_group",
    "clustering_accuracy",
    "counterfactual_scores",
    "default_n_bins",
    "intra_inter_mi",
    "mutual_information",
    "pairwise_mutual_information",
]
