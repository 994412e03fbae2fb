"""Mutual information of feature maps, and scores by classes of maps and clusterings."""

from skstylefeat.metrics._binning import bin_maps, default_n_bins
from skstylefeat.metrics._mutual_information import mutual_information, pairwise_mutual_information
from skstylefeat.metrics._scores import clustering_accuracy, intra_inter_mi

__all__ = [
    "bin_maps",
    "clustering_accuracy",
    "default_n_bins",
    "intra_inter_mi",
    "mutual_information",
    "pairwise_mutual_information",
]
