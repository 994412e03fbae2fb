"""ResNet-18 trained from scratch on the labels alone, for figure 7.

The architecture is that of He et al. with a quarter of the channels, so that a draw trains in
seconds on a processor; images of 64 px and more are halved first by the stem's stride.
"""

import numpy as np
import torch
from evaluate import TRUE_LABEL_DRAWS
from torch import nn
from torch.nn import functional as F

WIDTH = 16
# At least so many steps, and so many passes over the labeled images: the loss no longer falls.
STEPS, PASSES, BATCH = 300, 16, 32
LEARNING_RATE = 8e-3  # the largest of the schedule; chosen by learning_rate.py
NETWORK_BUDGETS = (5, 30, 120, 600)


class BasicBlock(nn.Module):
    """Two convolutions and a shortcut."""

    def __init__(self, n_in, n_out, stride):
        super().__init__()
        self.steps = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(n_out),
            nn.ReLU(),
            nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False),
            nn.BatchNorm2d(n_out),
        )
        same = n_in == n_out and stride == 1
        self.shortcut = (
            nn.Identity()
            if same
            else nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out))
        )

    def forward(self, x):
        return F.relu(self.steps(x) + self.shortcut(x))


def resnet18(n_classes, resolution):
    """Return the network: a stem, four stages of two blocks, the mean over the image."""
    stride = 2 if resolution >= 64 else 1
    stages, n_in = [], WIDTH
    for stage in range(4):
        n_out = WIDTH * 2**stage
        stages += [BasicBlock(n_in, n_out, 1 if stage == 0 else 2), BasicBlock(n_out, n_out, 1)]
        n_in = n_out
    stem = [nn.Conv2d(3, WIDTH, 3, stride, 1, bias=False), nn.BatchNorm2d(WIDTH), nn.ReLU()]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(n_in, n_classes)]
    return nn.Sequential(*stem, *stages, *head)


def train_resnet(images, codes, n_classes, seed, rate=LEARNING_RATE):
    """Return the network trained on labeled images (n, 3, H, W) with mirror images.

    `rate` is the largest learning rate.

    Batch normalization needs more than one image: a smaller set fills its batch with copies.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = resnet18(n_classes, images.shape[2]).train().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), rate, weight_decay=0.05)
    steps = max(STEPS, PASSES * len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    codes = torch.from_numpy(codes)
    for _ in range(steps):
        rows = torch.from_numpy(rng.integers(len(images), size=BATCH))
        batch = images[rows]
        mirrored = torch.from_numpy(rng.random(BATCH) < 0.5)
        batch[mirrored] = batch[mirrored].flip(3)
        loss = F.cross_entropy(model(batch), codes[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def resnet_scores(draw):
    """Figure 7: the network on the labels that a draw reads, and on all labels of the pool.

    Parameters
    ----------
    draw : Draw

    Returns
    -------
    list of Score
    """
    pool, test = (standardized(images) for images in draw.bench.collection[:2])
    classes, codes = np.unique(draw.y, return_inverse=True)
    labeled = draw.labeled(NETWORK_BUDGETS)
    if draw.number < TRUE_LABEL_DRAWS:
        labeled[len(draw.y)] = np.arange(len(draw.y))
    scores = []
    for budget, rows in labeled.items():
        model = train_resnet(pool[rows], codes[rows], len(classes), draw.seed)
        guess = classes[resnet_predictions(model, test)]
        scores += draw.right("resnet", "classification", budget, draw.y_test, guess)
    return scores


def resnet_predictions(model, images):
    """Return the classes of images, the mean over each image and its mirror image."""
    with torch.inference_mode():
        parts = [model(x).softmax(1) + model(x.flip(3)).softmax(1) for x in images.split(100)]
    return torch.cat(parts).argmax(dim=1).numpy()


def standardized(images):
    """Return uint8 images (n, H, W, 3) as the tensor that the network takes."""
    pixels = torch.tensor(images).permute(0, 3, 1, 2).float()
    return ((pixels - 127.5) / 64).contiguous(memory_format=torch.channels_last)
