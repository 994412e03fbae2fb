"""Types for skops to load: all that a saved estimator of this package may hold."""

#: ``skops.io.load(file, trusted=skstylefeat.TRUSTED_TYPES)`` loads every estimator of this package.
TRUSTED_TYPES: tuple[str, ...] = (
    "skstylefeat._utils._layers.LayerInfo",
    "skstylefeat.annotation._annotator.ClusterAnnotator",
    "skstylefeat.annotation._pseudo_label.PseudoLabelClassifier",
    "skstylefeat.directions._discriminant.DiscriminantDirection",
    "skstylefeat.directions._linear.FixedDirection",
    "skstylefeat.directions._mean_difference.MeanDifferenceDirection",
    "skstylefeat.directions._nuisance_projection.NuisanceProjection",
    "skstylefeat.directions._style_channel.StyleChannelDirection",
    "skstylefeat.directions._svm.LinearSVMDirection",
    "skstylefeat.directions._text.TextDirection",
    "skstylefeat.directions._pca.LatentPCA",
    "skstylefeat.directions._sefa.SeFa",
    "skstylefeat.features._hog.HOGDescriptor",
    "skstylefeat.features._extractor.FeatureMapExtractor",
    "skstylefeat.features._pooling.MaxPoolReducer",
    "skstylefeat.features._selector.ChannelMISelector",
    "skstylefeat.images._illumination.correct_illumination",
    "skstylefeat.inversion._inverter.StyleGANInverter",
    "skstylefeat.networks._encoder.Encoder",
    "skstylefeat.networks._generator.Generator",
    "skstylefeat.prediction._candidates.LinearModel",
    "skstylefeat.prediction._photo_features.PhotoFeatures",
    "skstylefeat.prediction._readers.FewShotClassifier",
    "skstylefeat.prediction._readers.FewShotRegressor",
    "skstylefeat.regression._curves.Curve",
    "skstylefeat.regression._distance.HyperplaneDistance",
    "skstylefeat.regression._regressor.LatentRegressor",
    # The classifier of PseudoLabelClassifier holds its optimizer.
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
)
