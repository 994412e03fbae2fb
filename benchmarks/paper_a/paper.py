"""Numbers of "Unsupervised Learning of Facial Attribute Representations Using StyleGAN".

Quoted as printed, in percent. The paper has copying errors (in table 7 the row of 120 labels of SG2
on FFHQ is that of 60 on CelebA; the rows of true labels differ between tables 3 and 7), so single
digits are not to be trusted. Zeros of NMI and ARI mean one cluster for everything.
"""

# Table 1: ACC, NMI, ARI of glasses, gender and age.
CLUSTERING = {
    "SG2 (FFHQ)": ((97.66, 80.06, 90.94), (87.67, 52.51, 57.75), (79.06, 35.48, 35.62)),
    "MAE (FFHQ)": ((93.67, 57.07, 73.87), (53.98, 0, 0), (66.92, 0, 0)),
    "SG2 (CelebA)": ((98.07, 65.14, 80.58), (94.33, 68.87, 78.57), (77.47, 0, 0)),
    "MAE (CelebA)": ((93.67, 0, 0), (58.42, 0, 0), (77.47, 0, 0)),
}
CLUSTERING_ATTRIBUTES = ("glasses", "gender", "age")

LABELS = (2, 5, 10, 30, 60, 120, 600)
ATTRIBUTES = ("gender", "glasses", "age")
# Tables 2 and 6: accuracy and standard deviation of annotation, by attribute.
ANNOTATION = {
    "SG2 (CelebA)": (
        ("89.76 ± 11.12", "87.8 ± 12.97", "66.93 ± 15.4"),
        ("89.16 ± 7.22", "91.51 ± 3.64", "69.83 ± 8.98"),
        ("89.44 ± 3.95", "96.56 ± 2.90", "70.85 ± 6.62"),
        ("91.01 ± 2.12", "97.96 ± 1.39", "74.48 ± 5.40"),
        ("91.19 ± 1.52", "97.31 ± 1.05", "75.56 ± 3.34"),
        ("93.62 ± 1.04", "97.68 ± 0.56", "76.46 ± 2.26"),
        ("94.58 ± 0.43", "97.88 ± 0.25", "77.74 ± 0.81"),
    ),
    "MAE (CelebA)": (
        ("50.38 ± 6.37", "89.30 ± 13.1", "64.98 ± 17.19"),
        ("56.36 ± 6.24", "89.11 ± 9.59", "68.58 ± 9.62"),
        ("56.89 ± 4.64", "87.84 ± 6.30", "66.81 ± 7.78"),
        ("58.58 ± 3.24", "92.40 ± 3.04", "73.15 ± 4.74"),
        ("60.29 ± 2.84", "92.27 ± 2.33", "72.90 ± 3.43"),
        ("62.00 ± 2.08", "92.60 ± 1.42", "73.37 ± 2.33"),
        ("66.77 ± 0.87", "92.56 ± 0.59", "74.65 ± 0.92"),
    ),
}
# Tables 3 and 7: the same of classification; true labels as in table 3.
CLASSIFICATION = {
    "SG2 (CelebA)": (
        ("90.59 ± 11.41", "90.05 ± 8.30", "68.05 ± 16.55"),
        ("89.23 ± 9.13", "95.28 ± 2.10", "74.66 ± 9.44"),
        ("92.34 ± 4.44", "96.89 ± 1.66", "76.62 ± 5.64"),
        ("93.36 ± 1.61", "97.54 ± 0.91", "77.56 ± 0.84"),
        ("93.44 ± 1.22", "97.11 ± 1.13", "77.59 ± 0.48"),
        ("93.89 ± 0.79", "97.11 ± 1.22", "77.52 ± 0.28"),
        ("94.02 ± 0.78", "97.29 ± 1.03", "77.50 ± 0.16"),
        ("97.38", "98.74", "89.06"),
    ),
    "MAE (CelebA)": (
        ("50.11 ± 7.66", "89.22 ± 17.87", "61.94 ± 22.94"),
        ("52.83 ± 7.79", "90.65 ± 13.96", "71.18 ± 15.37"),
        ("53.72 ± 6.88", "93.54 ± 1.09", "71.18 ± 14.90"),
        ("54.04 ± 6.99", "93.65 ± 0.13", "75.98 ± 7.80"),
        ("55.61 ± 5.74", "93.59 ± 0.60", "75.81 ± 7.28"),
        ("57.42 ± 3.53", "93.65 ± 0.11", "76.30 ± 3.74"),
        ("58.36 ± 0.60", "93.60 ± 0.65", "77.03 ± 2.45"),
        ("98.24", "93.67", "77.40"),
    ),
}
# Table 4: clustering accuracy on FFHQ by images of each class that choose the channels.
SHOTS = ("1", "2-3", "4-5", "6-7", "8")
SHOTS_ACCURACY = {
    "gender": ("58.33 ± 3.11", "73.63 ± 12.73", "81.04 ± 10.65", "84.59 ± 10.49", "82.41 ± 11.77"),
    "age": ("67.14 ± 1.18", "75.04 ± 5.30", "76.55 ± 4.78", "77.69 ± 4.07", "77.32 ± 3.75"),
    "glasses": ("96.79 ± 5.32", "97.72 ± 0.05", "97.72 ± 0.03", "97.73 ± 0.03", "97.74 ± 0.02"),
}
# Table 5: what clustering accuracy loses without the choice of channels, in points.
WITHOUT_CHOICE = {
    "SG2 (FFHQ)": {"glasses": "+0.03", "gender": "-28.54", "age": "-12.14"},
    "SG2 (CelebA)": {"glasses": "-0.4", "gender": "-6.9", "age": "0"},
}
