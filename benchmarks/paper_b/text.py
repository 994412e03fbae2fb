"""Words of docs/paper_b.md; the tables between them come from the numbers."""

TITLE = """# LARGE, figure by figure

Every figure and table of "LARGE: Latent-Based Regression through GAN Semantics" on rendered faces,
whose values are exact, and on 32 px photos of UTKFace. `benchmarks/paper_b` makes the numbers:

```bash
python benchmarks/paper_b/run.py --data rendered --jobs 2
python benchmarks/paper_b/run.py --data DATA_FOLDER --generator faces32.safetensors \\
    --encoder faces32-encoder.safetensors --jobs 2
python benchmarks/paper_b/page.py
```

Three disjoint sets of equal size: coarse labels of the first teach the directions, exact values of
the second are drawn for the calibration, the third is scored. So no distance that is calibrated or
scored belongs to an image that taught its plane. Mean ± standard deviation over 1,000 draws of 2 to
20 labels, 100 draws of 100 labels and 10 of 1,000. "Halves": the paper's setting, a linear SVM on
binary labels (above or below the median). "Thirds": this package's, `DiscriminantDirection` on low,
middle and high; all spaces get the same labels and the same estimator. The paper's own numbers are
for 1024 px photos (CelebA-HQ, CACD), a generator trained on FFHQ and pre-trained encoders."""

PARTS = (
    """## Distance against value (figure 1b)

The paper: R2 = 0.92 for the yaw, of *generated* images, whose codes are known. Here images are
inverted and never seen by the encoder. The ridge rows are the ceiling: all values of the second set,
all numbers of a code.

{page[linearity]}

What stands between the distance and 0.92 is, in this order: what the encoder keeps of the yaw (the
ridge rows), and the labels. A plane between two halves takes the angle's own spread inside each half
for noise, prefers directions that saturate, and gives distances that bend: on tuning faces (seeds
1000 to 1003, earlier weights) they stop growing at 25 degrees and come back beyond 33. Told the
middle third, the same 1,000 faces gave R2 0.84 instead of 0.78. Codes of image and mirror image,
subtracted for the yaw, gave 0.89 (ceiling 0.91); the package leaves that to the user, who knows what
a mirror does to the attribute.""",
    """## Other spaces (figure 3)

The paper: distances in W+ beat all others from 2 labels on, for pose and age. Errors of the mean
label, of planes in pixels (at 32 px), in 30 principal components, in the penultimate features of a
small ResNet trained on the halves ("Deep SVM"), in S codes (GHFeat's idea), in W+ codes, and of
eq. (3).

Thirds:

{page[curves|3|thirds]}

Halves and the SVM, the paper's setting (200 draws):

{page[curves|3|halves]}

The network's features are the strong competitor: it was trained on the coarse labels of the first
set, from pixels, end to end, and rendered faces have no clutter that 1,000 images could not show. It
needs those labels for each attribute anew and a training of its own.""",
    """## Degree of the curve (figure 4)

The paper: a straight line is best with few labels and not beaten with 1,000. Beyond degree 1,
`LatentRegressor` may fail badly on two labels, as in the paper.

{page[curves|4]}""",
    """## Networks from scratch (figure 5)

The paper: 20 labels do what CORAL does with 20,000 (7.46 against 7.59 years on CACD). Here a small
ResNet (0.4 million parameters, regression and CORAL's ordinal head) learns from the exact values of
the same calibration images, and CORAL also from all.

{page[networks]}

A rendered face shows its yaw without noise, so a network learns it from 1,000 labels as the paper's
competitors cannot from photos; the method's error is that of the encoder, which no label repairs.
From 20 labels the network predicts the mean.""",
    """## Order without units (figures 6 to 8)

The paper shows strips sorted by text directions (StyleCLIP), SVM and SeFa. The rank correlations of
the labelled planes stand in the first table. Here: the best of the first eight directions of methods
without labels, chosen as a person would who looks at the strips.

{page[orders]}

Text directions need an image-text model, which this package takes from the user and does not have.""",
    """## Inverters (figure 9)

The paper: all encoders work, e4e best. Here the encoder, optimisation from the mean code and
optimisation from the encoder's code (60 steps), all three sets inverted alike, on 150, 100 and 100
images.

{page[curves|9]}

Optimisation fits pixels and leaves the codes that mean something: the paper's trade-off between
distortion and editability.""",
    """## Layers: how to use them (figure 10)

The paper: weighted beats flat, all layers and the best layer for few labels, all layers catch up at
1,000.

{page[curves|10]}

Weighted and flat are close by necessity: the layers' codes of this encoder carry nearly the same yaw.
On tuning faces all ten layers as features, fitted to 1,000 values, reached R2 0.786 where equal
weights reached 0.782 and importance 0.784, so no weighting could have gained more than 0.004. The
paper's 18 layers differ far more (its figure 11). One plane in W+ (figure 3), with a normal of its
own for each layer, does better than one shared direction however it is weighted.""",
    """## Layers: what they know (figures 11 and 12)

The paper: importance finds the layers whose distance correlates with the yaw. "R2 alone" is each
layer's distance on its own, by all values of the second set; the gradient is the importance before
its division by unrelated pairs.

{page[layers]}""",
    """## Accuracy of the planes (table 3)

The paper: pose 0.93 in W+, 0.91 deep, 0.91 GHFeat, 0.82 PCA, 0.87 pixels; age 0.82, 0.88, 0.83,
0.78, 0.74. Here the SVM on halves, 30 % of the first set held out. The deep features saw the held-out
labels during their training, so their row is no estimate.

{page[accuracies]}""",
    """## Generated images as training data (appendix C.3)

The paper: 3.23 degrees by a network on 45,000 generated images, labelled by the method, against 2.97
by the method. Here 4,000 images, edited by up to 3 standard deviations along the direction.

{page[generated]}""",
    """## Which images to label (appendix E.2)

"Spread" is the paper's rule (central 95 %, gaps), "optimal" minimises the slope's variance: always
the same images, so it has no standard deviation.

{page[curves|E.2]}""",
    """## Penalty (figure 24)

The paper: little difference with two labels, none with many; elastic net throughout. "Not
standardised" is the paper's setting to the letter, on distances whose weights sum to 1.

{page[curves|24]}""",
    """## Intervals

Not in the paper. `predict_interval(coverage=0.9)` of the weighted distance, calibrated on randomly
drawn images that taught neither direction nor encoder:

{page[intervals]}""",
    """## Age of photos, and the paper's 7.46 years

The paper's 20 labels give 7.46 years on CACD, whose people are celebrities of 14 to 62 (standard
deviation of the age about 12 years, so that the mean label is about 10 years off). UTKFace spans 0 to
116, and the mean label is 15 years off. Besides the wider range, three things differ: 32 px against
1024, where wrinkles are gone; an encoder of an hour on half a core, at 19 dB; a direction from coarse
labels of 1,200 photos against StyleCLIP's, which rests on CLIP's 400 million captions. The ridge rows
of the first table are what any reading of these codes could reach.""",
    """## Made with

{page[facts]}""",
)
