"""Conversion of the bundled StyleGAN2 generator to a small StyleGAN3 at 32 px, by distillation.

The student, a config-T, takes over the mapping network of `faces64`. Its frequencies are chosen so
that its layers have the sizes of the teacher's convolutions, 4 to 32 px, and it starts from their
weights: kernels that the teacher applies at twice the resolution are resampled, and the Fourier
input is fitted to the teacher's constant. Then the synthesis network learns by regression to make
the teacher's images, halved by a box filter, from the same codes: those of the bundled encoder for
rendered faces, half of them mixed from two faces at a random layer, and codes of the mapping
network. There is no critic. Row k of the teacher's W+ is row k + 1 of the student's, whose first
row turns and shifts the image.

Run it with the same ``--out`` to continue a stopped run::

    python benchmarks/weights/distill_stylegan3.py --out runs/stylegan3 --steps 20000
"""

import argparse
import copy
import json
import time
from itertools import islice, zip_longest
from pathlib import Path

import numpy as np
import torch
from finish import face_batches, face_codes
from PIL import Image
from torch.nn import functional as F
from train_generator import reconstruction_loss

from skstylefeat import load_encoder, load_generator
from skstylefeat.networks.checkpoints import save_network
from skstylefeat.networks.stylegan3 import StyleGAN3Config, StyleGAN3Generator

N_EXTRA = 16  # channels per layer that carry what the teacher sums up as images of small sizes
BATCH = 8
LEARNING_RATE = 1.5e-2
SHARE_FACES = 0.75  # of a batch; the rest are codes of the mapping network
N_GUIDED = 7  # layers at the teacher's resolution, whose maps are compared with the teacher's
MAP_WEIGHT = 0.1  # at the beginning; it falls to zero
EMA_HALF_LIFE = 2_000  # images
N_VALIDATION = 64
SEED_VALIDATION = 2**31 - 3
REPORT_SECONDS = 60


class Distillation:
    """Student, its moving average, the optimizer and the counters of a run."""

    def __init__(self, teacher, encoder, n_faces, seed):
        torch.manual_seed(seed)
        self.teacher, self.seed = teacher, seed
        self.student = converted(teacher)
        self.student.mapping.requires_grad_(False)
        rows = face_codes(encoder, n_faces)
        self.codes = student_codes(rows.unflatten(0, (-1, teacher.config.n_ws)))
        calibrate(self.student.synthesis, teacher.synthesis, self.codes[:64])
        self.average = copy.deepcopy(self.student).requires_grad_(False).eval()
        parameters = self.student.synthesis.parameters()
        self.optimizer = torch.optim.Adam(parameters, lr=LEARNING_RATE, betas=(0.9, 0.99))

        faces = next(face_batches(N_VALIDATION, SEED_VALIDATION, N_VALIDATION))
        self.faces = F.avg_pool2d(faces, 2)
        with torch.no_grad():
            self.validation = student_codes(encoder(faces))
        self.targets = self.teach(self.validation)
        self.step, self.seconds = 0, 0.0

    @torch.no_grad()
    def teach(self, ws):
        """Return the teacher's images (n, 3, 32, 32) of the student's codes."""
        return F.avg_pool2d(self.teacher.synthesis(ws[:, 1:]), 2)

    def map_loss(self, ws):
        """Return the error of the maps up to 32 px relative to their variance, and the last map."""
        teacher, student = self.teacher.synthesis, self.student.synthesis
        with torch.no_grad():
            known = [x for _, x in islice(teacher.steps(teacher.styles(ws[:, 1:])), N_GUIDED)]
        styles = student.styles(ws)
        errors = []
        for (_, x), following, y in zip_longest(student.steps(styles), layers(student)[2:], known):
            if y is not None:
                x_scaled = x[:, : y.shape[1]] * following.magnitude_ema.rsqrt()
                errors.append((x_scaled - y).square().mean() / y.var())
        return sum(errors) / len(errors), x, styles

    def draw(self):
        """Return codes (BATCH, n_ws, w_dim) of one step."""
        n = round(SHARE_FACES * BATCH)
        first, second = self.codes[torch.randint(len(self.codes), (2, n))]
        n_ws = first.shape[1]
        crossover = torch.randint(1, 2 * n_ws, (n, 1, 1))  # beyond the last layer: not mixed
        faces = torch.where(torch.arange(n_ws)[:, None] >= crossover, second, first)
        w = self.student.mapping(torch.randn(BATCH - n, self.teacher.config.z_dim))
        return torch.cat([faces, w[:, None].expand(-1, n_ws, -1)])

    def update(self, progress):
        """Make one step at a share of the whole training; return the loss."""
        torch.manual_seed(self.seed + 1 + self.step)
        ws = self.draw()
        map_error, last, styles = self.map_loss(ws)
        *_, (name, _, to_image) = self.student.synthesis.modulated()
        loss = reconstruction_loss(to_image(last, styles[name]), self.teach(ws))
        loss = loss + MAP_WEIGHT * (1 - progress) * map_error
        self.optimizer.param_groups[0]["lr"] = LEARNING_RATE * max(1 - progress, 0.02)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()

        self.step += 1
        n_seen = self.step * BATCH
        share = 1 - 0.5 ** (BATCH / min(EMA_HALF_LIFE, max(0.05 * n_seen, 1)))
        pairs = zip(self.average.parameters(), self.student.parameters(), strict=True)
        with torch.no_grad():
            for average, value in pairs:
                average.lerp_(value, share)
        return loss.item()

    @torch.no_grad()
    def measure(self):
        """Return PSNR in dB against teacher and rendered faces, and the images."""
        images = self.average.synthesis(self.validation).clamp(-1, 1)
        return psnr(images, self.targets.clamp(-1, 1)), psnr(images, self.faces), images

    def parts(self):
        """Return what a checkpoint holds, apart from the counters."""
        return {"student": self.student, "average": self.average, "optimizer": self.optimizer}

    def save(self, path):
        """Write the checkpoint whole, or leave the last one."""
        state = {name: part.state_dict() for name, part in self.parts().items()}
        state |= {"step": self.step, "seconds": self.seconds}
        torch.save(state, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)

    def resume(self, path):
        """Continue from a checkpoint, if there is one."""
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        for name, part in self.parts().items():
            part.load_state_dict(state[name])
        self.step, self.seconds = state["step"], state["seconds"]


def student_codes(ws):
    """Return the student's W+ of the teacher's (n, n_ws, w_dim)."""
    return torch.cat([ws[:, :1], ws], dim=1)


def converted(teacher):
    """Return a student that starts from the teacher's weights."""
    old = teacher.config
    convs = [
        (layer, layer.up, block.resolution)
        for block in teacher.synthesis.blocks()
        for layer in block.convs.values()
    ]
    config = StyleGAN3Config(
        resolution=old.resolution // 2,
        channels=[len(convs[0][0].bias), *(len(x.bias) + N_EXTRA for x, *_ in convs[1:])],
        z_dim=old.z_dim,
        w_dim=old.w_dim,
        n_mapping=old.n_mapping,
        conv_clamp=None,
        margin_size=0,
        # One layer at 4 px, then two each at 8 and 16.
        first_cutoff=1.85,
        first_stopband=2**0.9,
    )
    student = StyleGAN3Generator(config)
    student.mapping.load_state_dict(teacher.mapping.state_dict())
    first, *inner, last = layers(student.synthesis)
    with torch.no_grad():
        fit_input(first, teacher.synthesis.b4.const)
        for (conv, is_up, resolution), layer in zip(convs, inner, strict=True):
            kernel = conv.weight.flip(2, 3) if is_up else conv.weight  # as a correlation
            if is_up or resolution > config.resolution:
                kernel = half_resolution(kernel)
            # Demodulation divides by the kernel's norm: the map grows as much as the norm shrank,
            # until `calibrate` scales it back.
            growth = conv.weight.norm() / kernel.norm()
            n_out, n_in = kernel.shape[:2]
            layer.weight[:n_out] = 0  # the extra channels have no effect on the others yet
            layer.weight[:n_out, :n_in] = kernel / kernel.square().mean((1, 2, 3), True).sqrt()
            layer.bias[:n_out] = conv.bias * growth
            copy_affine(conv, layer)
        colors = teacher.synthesis.b64.torgb
        gain = colors.weight_gain / last.weight_gain / last.output_scale
        last.weight.mul_(0.1)
        last.weight[:, : colors.weight.shape[1]] = colors.weight * gain
        copy_affine(colors, last)
    return student


def layers(synthesis):
    """Return the modulated layers of a StyleGAN3, from the input to toRGB."""
    return [getattr(synthesis, name) for name, *_ in synthesis.modulated()]


@torch.no_grad()
def calibrate(student, teacher, ws):
    """Set `magnitude_ema` so that every layer gets maps of the magnitude that the teacher's has.

    The filters remove the highest frequencies, so maps are weaker than the teacher's.
    """
    known = teacher.steps(teacher.styles(ws[:, 1:]))
    maps = student.steps(student.styles(ws))
    for (_, y), (_, x), following in zip(known, maps, layers(student)[2:], strict=True):
        following.magnitude_ema.copy_(x[:, : y.shape[1]].var() / y.var())


def copy_affine(old, new):
    """Copy the layer that computes the styles, as far as channels go."""
    n = len(old.affine.bias)
    new.affine.weight[:n] = old.affine.weight
    new.affine.bias[:n] = old.affine.bias


def half_resolution(kernel):
    """Return 3x3 kernels at half their resolution: outer taps fall between two pixels."""
    taps = kernel.new_tensor([[0.5, 0, 0], [0.5, 1, 0.5], [0, 0, 0.5]])
    return taps @ kernel @ taps.T


def fit_input(layer, const):
    """Fit the matrix behind the Fourier features to a constant map (C, H, W) by least squares."""
    layer.weight.copy_(torch.eye(len(layer.weight)) * len(layer.weight) ** 0.5)
    upright = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    waves = layer(upright)[0].flatten(1).T  # pixels, frequencies
    mixed = torch.linalg.pinv(waves, rtol=1e-2) @ const.flatten(1).T
    layer.weight.copy_(mixed.T * len(layer.weight) ** 0.5)


def psnr(a, b):
    """Return the mean over images in [-1, 1] of the signal-to-noise ratio in dB."""
    errors = (a - b).square().mean(dim=(1, 2, 3))
    return (10 * torch.log10(4 / errors)).mean().item()


def sample_sheet(run, images, path):
    """Write rows of rendered faces, the teacher's images, the student's, and random samples."""
    z = torch.from_numpy(np.random.default_rng(0).standard_normal((16, run.average.config.z_dim)))
    with torch.no_grad():
        rows = [run.faces[:16], run.targets[:16], images[:16], run.average(z.float())]
    grid = torch.cat(rows).clamp(-1, 1).add(1).mul(127.5).byte()
    side = grid.shape[-1]
    grid = grid.unflatten(0, (4, 16)).permute(0, 3, 1, 4, 2).reshape(4 * side, 16 * side, 3)
    sheet = Image.fromarray(grid.numpy())
    sheet.resize((3 * sheet.width, 3 * sheet.height), Image.Resampling.NEAREST).save(path)


def model_card(run, to_teacher, to_faces):
    """Return the card that travels in the weights' metadata."""
    return {
        "name": "faces32-stylegan3",
        "made": "converted from faces64 (StyleGAN2) by distillation; not trained adversarially",
        "mapping": "that of faces64",
        "data": "images of faces64; codes of rendered faces (make_faces) and of its mapping "
        "network; no photos",
        "images_seen": run.step * BATCH,
        "validation": f"{to_teacher:.2f} dB to the teacher, {to_faces:.2f} dB to rendered faces",
        "license": "BSD-3-Clause",
        "limits": "rendered faces only, softer than faces64; maps without margins",
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/stylegan3"))
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="of training, in all")
    parser.add_argument("--faces", type=int, default=4_000, help="rendered faces whose codes serve")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)

    teacher = load_generator("faces64").module
    run = Distillation(teacher, load_encoder("faces64-encoder").module, args.faces, args.seed)
    checkpoint = args.out / "checkpoint.pt"
    run.resume(checkpoint)
    before, start, reported = run.seconds, time.monotonic(), float("-inf")
    losses = []
    while True:
        run.seconds = before + time.monotonic() - start
        progress = max(run.step / args.steps, run.seconds / args.seconds)
        if progress < 1:
            losses.append(run.update(progress))
            if not np.isfinite(losses[-1]):
                raise FloatingPointError(f"The loss is {losses[-1]} at step {run.step}.")
        if progress >= 1 or time.monotonic() - reported > REPORT_SECONDS:
            reported = time.monotonic()
            run.save(checkpoint)
            to_teacher, to_faces, images = run.measure()
            sample_sheet(run, images, args.out / "samples.png")
            card = model_card(run, to_teacher, to_faces)
            save_network(run.average, args.out / "generator.safetensors", card)
            record = {"step": run.step, "seconds": round(run.seconds)}
            record |= {"loss": round(float(np.mean(losses)), 4) if losses else None}
            record |= {"teacher_db": round(to_teacher, 2), "faces_db": round(to_faces, 2)}
            print(json.dumps(record), flush=True)
            losses = []
        if progress >= 1:
            break


if __name__ == "__main__":
    main()
