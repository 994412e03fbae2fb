"""Painting of faces."""

from __future__ import annotations

import numpy as np

from skstylefeat.datasets._attributes import ATTRIBUTES

F = np.float32

SKIN = np.array(
    [[255, 222, 200], [244, 200, 165], [226, 170, 128], [190, 130, 90], [140, 88, 56], [96, 60, 42]]
) / 255.0
HAIR = {
    "black": (0.10, 0.085, 0.085),
    "brown": (0.29, 0.18, 0.11),
    "chestnut": (0.43, 0.24, 0.13),
    "blond": (0.86, 0.68, 0.38),
    "red": (0.68, 0.28, 0.11),
}
IRIS = {
    "brown": (0.32, 0.18, 0.09),
    "blue": (0.25, 0.47, 0.72),
    "green": (0.27, 0.48, 0.27),
    "grey": (0.42, 0.47, 0.50),
}
FRAMES = np.array([[0.07, 0.07, 0.08], [0.22, 0.10, 0.06], [0.08, 0.10, 0.25], [0.30, 0.05, 0.08]])


def smooth(t):
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def mix(a, b, t):
    return a + (b - a) * t


def hsv(h, s, v):
    """Hue, saturation, value -> (3, n)."""
    k = (np.array([5.0, 3.0, 1.0])[:, None] + np.asarray(h)[None] * 6) % 6
    return v * (1 - s * np.clip(np.minimum(k, 4 - k), 0, 1))


def cover(d, inv):
    """Coverage of a pixel by a shape at signed distance d; inv = 1 / pixel size."""
    a = d * inv
    np.subtract(F(0.5), a, out=a)
    return np.clip(a, 0, 1, out=a)


def bump(t):
    """Smooth hill: 1 at t = 0, 0 at |t| >= 1 ; t already squared."""
    t = np.maximum(F(1) - t, 0)
    return t * t


class Params(dict):
    __getattr__ = dict.__getitem__


def parameters(a):
    """Per-image geometry and colours, arrays (n,) or (3, n)."""
    p = Params()
    rad = np.pi / 180
    age = a["age"]
    grow = smooth((age - 3) / 19)
    old = np.clip((age - 32) / 46, 0, 1)
    baby = 1 - grow
    p.update(grow=grow, old=old)
    for name in ("yaw", "pitch", "roll"):
        p["s" + name], p["c" + name] = np.sin(a[name] * rad), np.cos(a[name] * rad)
    size = a["zoom"] * (1 - 0.07 * baby)
    fw = a["face_width"]
    p["A"] = size * 0.50 * (1 + 0.10 * fw + 0.05 * baby) * (1 + 0.08 * np.abs(p.syaw))
    p["B"] = size * (0.665 - 0.07 * baby + 0.01 * old)
    p["size"] = size
    p["jaw"] = 0.27 - 0.12 * baby - 0.10 * old - 0.05 * fw
    p["cx"] = a["shift_x"] - 0.05 * p.syaw
    p["cy"] = a["shift_y"] + 0.00 + 0.05 * baby
    # features, in head units
    p["ex"] = 0.365 + 0.01 * baby
    p["ey"] = -0.09 + 0.10 * baby
    p["ew"] = 0.175 + 0.03 * baby
    lid = 0.012 + 0.125 * a["eye_open"]
    p["eh"] = lid * (1 + 0.35 * baby) * (1 - 0.22 * old)
    p["gaze"] = 0.055 * a["gaze"]
    p["iris"] = 0.088 + 0.022 * baby
    p["by"] = p.ey - 0.215 - 0.05 * a["eye_open"] + 0.02 * old - 0.01 * baby
    p["bt"] = (0.038 + 0.014 * a["brow_weight"]) * (1 - 0.35 * baby)
    p["noy"] = 0.30 + 0.06 * baby + 0.03 * old
    p["nor"] = (0.105 + 0.022 * a["nose_size"] + 0.018 * old) * (1 - 0.28 * baby)
    p["noz"] = 1.16 + 0.05 * a["nose_size"] - 0.09 * baby
    p["my"] = 0.575 + 0.05 * baby
    p["mw"] = (0.27 + 0.045 * np.abs(a["smile"])) * (1 - 0.15 * baby)
    p["smile"] = 0.11 * a["smile"]
    p["mo"] = 0.145 * a["mouth_open"]
    p["lip"] = 0.055 * (1 - 0.4 * old) * (1 - 0.1 * baby)
    # light
    az, el = a["light_azimuth"] * rad, a["light_elevation"] * rad
    p["lx"], p["ly"], p["lz"] = np.sin(az) * np.cos(el), -np.sin(el), np.cos(az) * np.cos(el)
    # hair
    hl = a["hair_length"]
    style = a["hair_style"]
    curly = style == "curly"
    p["curl"] = np.where(curly, 0.05, 0.0) * smooth(hl / 0.2)
    p["hr"] = 1.015 + 0.075 * smooth(hl / 0.25) + np.where(curly, 0.055, 0) * smooth(hl / 0.3)
    p["hr"] -= 0.03 * old
    p["ha"] = np.clip(0.25 + 4 * hl, 0, 1) * (1 - 0.12 * old)
    fringe = smooth(hl / 0.25)
    front = -0.60 - 0.02 * baby
    front = np.where(style == "fringe", mix(front, -0.40, fringe), front)
    front = np.where(style == "side", mix(front, -0.52, fringe), front)
    front = np.where(curly, mix(front, -0.50, fringe), front)
    p["h0"] = front - 0.27 * old + 0.06 * baby
    p["hslope"] = np.where(style == "side", 0.22, 0.0) * fringe
    p["hcurve"] = np.where(style == "swept", 0.30, 0.0)
    long = smooth((hl - 0.38) / 0.3)
    p["long"] = long
    p["h1"] = mix(-0.12, 1.0, long)
    p["h2"] = mix(0.50, 1.1, long)
    p["hk"] = 0.60 - 0.16 * old  # temples
    p["hend"] = mix(0.25, 1.05, np.clip((hl - 0.35) / 0.65, 0, 1))
    # colours
    tone = a["skin_tone"] * (len(SKIN) - 1)
    skin = np.stack([np.interp(tone, np.arange(len(SKIN)), SKIN[:, c]) for c in range(3)])
    skin = mix(skin, skin.mean(0) * np.array([1.03, 0.99, 0.95])[:, None], 0.18 * old)
    power = a["light_strength"]
    p["lit"] = np.clip(skin * 1.10 + 0.025, 0, 1) * power
    p["shade"] = skin * np.array([0.60, 0.50, 0.49])[:, None] * power
    p["skin"] = skin * power
    hair = np.stack([np.choose([list(HAIR).index(c) for c in a["hair_color"]], [HAIR[k][i] for k in HAIR]) for i in range(3)])
    grey = smooth((age - 35) / 40)
    hair = mix(hair, np.array([0.80, 0.80, 0.82])[:, None], 0.92 * grey)
    p["hair"] = hair * power
    p["hairlit"] = np.clip(hair * 1.35 + 0.10, 0, 1) * power
    p["hairdark"] = hair * 0.55 * power
    p["brow"] = mix(hair * 0.75, skin * 0.5, 0.25) * power
    p["beard"] = mix(hair * 0.9, skin * 0.6, 0.15) * power
    p["irisc"] = np.stack([np.choose([list(IRIS).index(c) for c in a["eye_color"]], [IRIS[k][i] for k in IRIS]) for i in range(3)])
    rose = np.array([0.78, 0.30, 0.30])[:, None]
    p["lipc"] = mix(skin * np.array([0.86, 0.62, 0.60])[:, None], rose, 0.30 - 0.15 * old) * power
    p["lipd"] = p.lipc * 0.78
    bl = a["background_light"]
    h = a["background_hue"]
    p["bg1"] = hsv(h, 0.50 - 0.22 * bl, 0.25 + 0.65 * bl)
    p["bg2"] = hsv(h + 0.08, 0.30 - 0.12 * bl, 0.42 + 0.55 * bl)
    p["bga"], p["bgb"] = np.cos(a["background_angle"] * rad), np.sin(a["background_angle"] * rad)
    cl = a["clothing_light"]
    p["cloth"] = hsv(a["clothing_hue"], 0.62 - 0.35 * cl, 0.22 + 0.68 * cl) * power
    p["cloth2"] = hsv(a["clothing_hue"] + 0.05, 0.25 - 0.15 * cl, np.where(cl > 0.5, 0.45, 0.88)) * power
    p["body"] = 0.86 - 0.20 * baby
    p["neck"] = 0.235 - 0.05 * baby + 0.02 * fw
    p["round"] = a["frame_shape"]
    fi = np.minimum((a["frame_shape"] * 11.0) % 4, 3.999).astype(int)
    p["frame"] = FRAMES[fi].T
    for k, v in p.items():
        v = np.asarray(v, F)
        p[k] = np.ascontiguousarray(v)[..., None, None]
    for k in ("glasses", "facial_hair", "background", "clothing"):
        p["is_" + k] = np.asarray(a[k])
    return p


def take(p, idx):
    return Params({k: (v[idx] if k.startswith("is_") else v[..., idx, :, :]) for k, v in p.items()})


def head_map(x, y, p, radius):
    """Sphere coordinates of each pixel: view normal, head-frame point, distance to outline."""
    ny = y / (p.B * radius)
    low = np.clip(ny, 0, 1)
    high = np.clip(ny, -1, 0)
    w = F(1) - p.jaw * low * low * (F(0.45) + F(0.55) * low) - F(0.05) * high * high
    nx = x / (p.A * radius * w)
    r2 = nx * nx + ny * ny
    d = (np.sqrt(r2) - F(1)) * (np.sqrt(p.A * p.B) * radius)
    nz = np.sqrt(np.maximum(F(1) - r2, 0))
    hy = ny * p.cpitch + nz * p.spitch
    z1 = nz * p.cpitch - ny * p.spitch
    hx = nx * p.cyaw - z1 * p.syaw
    hz = nx * p.syaw + z1 * p.cyaw
    return nx, ny, nz, hx, hy, hz, d


def project(p, hx, hy, hz):
    """Head-frame point -> head-plane x, y and depth."""
    x1 = hx * p.cyaw + hz * p.syaw
    z1 = hz * p.cyaw - hx * p.syaw
    y2 = hy * p.cpitch - z1 * p.spitch
    z2 = hy * p.spitch + z1 * p.cpitch
    low, high = np.clip(y2, 0, 1), np.clip(y2, -1, 0)
    w = F(1) - p.jaw * low * low * (F(0.45) + F(0.55) * low) - F(0.05) * high * high
    return x1 * p.A * w, y2 * p.B, z2


def capsule(x, y, x0, y0, x1, y1, r0, r1):
    """Distance to a tapered segment, and the position along it."""
    dx, dy = x1 - x0, y1 - y0
    px, py = x - x0, y - y0
    h = np.clip((px * dx + py * dy) / (dx * dx + dy * dy + F(1e-6)), 0, 1)
    qx, qy = px - h * dx, py - h * dy
    return np.sqrt(qx * qx + qy * qy) - (r0 + (r1 - r0) * h), h, qx, qy


def ellipse(x, y, cx, cy, rx, ry):
    ux, uy = (x - cx) / rx, (y - cy) / ry
    k0 = np.sqrt(ux * ux + uy * uy) + F(1e-6)
    vx, vy = ux / rx, uy / ry
    return k0 * (k0 - F(1)) / np.sqrt(vx * vx + vy * vy + F(1e-9))


class Picture:
    def __init__(self, n, size):
        self.rgb = np.empty((3, n, size, size), F)
        self.size = size
        self.px = F(2.0 / size)
        axis = ((np.arange(size) + 0.5) * 2 / size - 1).astype(F)
        self.X = axis[None, None, :]
        self.Y = axis[None, :, None]

    def rows(self, low, high):
        """Slice of the pixels whose centre may be between low and high, in [-1, 1]."""
        i = int(np.floor((low + 1) / 2 * self.size)) - 1
        j = int(np.ceil((high + 1) / 2 * self.size)) + 1
        return slice(min(max(i, 0), self.size), max(min(j, self.size), 0))


def over(rgb, alpha, color):
    """Paint a colour (3, n, 1, 1) or (3, n, h, w) over rgb in place."""
    for c in range(3):
        t = color[c] - rgb[c]
        t *= alpha
        rgb[c] += t


def blend(rgb, alpha, low, high, t):
    for c in range(3):
        col = low[c] + (high[c] - low[c]) * t
        col -= rgb[c]
        col *= alpha
        rgb[c] += col


def paint(p, n, size):
    pic = Picture(n, size)
    rgb, X, Y, px = pic.rgb, pic.X, pic.Y, pic.px
    inv = F(1) / px
    # ---- background
    g = X * (p.bga * F(0.6)) + (Y * (p.bgb * F(0.6)) + F(0.5))
    np.clip(g, 0, 1, out=g)
    g *= np.where(p.is_background == "plain", F(0.15), F(1.0)).astype(F)[:, None, None]
    for c in range(3):
        np.multiply(p.bg2[c] - p.bg1[c], g, out=rgb[c])
        rgb[c] += p.bg1[c]
    for kind in ("circle", "horizon"):
        idx = np.flatnonzero(p.is_background == kind)
        if len(idx):
            q = take(p, idx)
            if kind == "circle":
                ux, uy = X - q.bga * F(0.45), Y - q.bgb * F(0.35) + F(0.2)
                d = np.sqrt(ux * ux + uy * uy) - F(0.62)
            else:
                d = Y - q.bgb * F(0.35) + X * (q.bga * F(0.25))
            sub = rgb[:, idx]
            over(sub, cover(d, inv * F(0.5)) * F(0.8), q.bg2 * F(0.8) + F(0.15))
            rgb[:, idx] = sub
    # ---- head-plane coordinates
    gx, gy = X - p.cx, Y - p.cy
    x = gx * p.croll + gy * p.sroll
    y = gy * p.croll - gx * p.sroll
    # ---- back hair
    idx = np.flatnonzero(p.long[:, 0, 0] > 0)
    hair_shape = None
    if len(idx):
        q = take(p, idx)
        hx0 = x[idx] + q.A * F(0.18) * q.syaw
        ax = np.abs(hx0)
        top, bottom = -q.B * F(0.55), q.hend
        w = q.A * (F(0.98) + F(0.10) * q.long) * (F(1) + F(1.2) * q.curl)
        r = q.A * F(0.55)
        by = np.maximum(bottom - top, r * F(2)) * F(0.5)
        dx = ax - w * (F(0.90) + F(0.12) * np.clip(y[idx] + F(0.4), 0, 1)) + r
        dy = np.abs(y[idx] - (top + bottom) * F(0.5)) - by + r
        dxp, dyp = np.maximum(dx, 0), np.maximum(dy, 0)
        d = np.sqrt(dxp * dxp + dyp * dyp) + np.minimum(np.maximum(dx, dy), 0) - r
        hair_shape = (idx, q, ax, hx0, cover(d, inv))
        sub = rgb[:, idx]
        over(sub, hair_shape[-1] * np.clip(q.long * F(4), 0, 1), q.hairdark)
        rgb[:, idx] = sub
    # ---- body
    rs = pic.rows(0.05, 1)
    Yb = Y[:, rs]
    sub = rgb[:, :, rs]
    bx = X - p.cx * F(0.6)
    light_x = np.clip(F(0.55) + bx * p.lx * F(0.7) - (Yb - F(0.9)) * F(0.5), 0, 1)
    d = ellipse(bx, Yb, F(0), F(1.22) + (F(0.86) - p.body) * F(0.4), p.body, F(0.50))
    blend(sub, cover(d, inv), p.cloth * F(0.62), p.cloth * F(1.08), light_x)
    # neck: its lower end is the cut of the clothes
    v = (p.is_clothing == "vneck").astype(F)[:, None, None]
    collar = (p.is_clothing == "collar").astype(F)[:, None, None]
    ax = np.abs(bx)
    end = F(0.90) + v * F(0.16)
    flare = np.clip((Yb - F(0.62)) * F(2.0), 0, 1)
    width = p.neck * (F(1) + F(0.35) * flare * (F(1) - v * F(0.4)))
    drop = ax * (F(0.35) + v * F(1.1))
    dn = np.maximum(ax - width, (Yb + drop * F(0.0) - end + ax * ax * F(1.2) + v * (ax * F(1.4) - ax * ax * F(1.2))) * F(0.75))
    idx = np.flatnonzero(p.is_clothing == "collar")
    if len(idx):
        s2 = sub[:, idx]
        over(s2, cover(np.maximum(dn[idx] - F(0.11), F(0.66) - Yb + ax[idx] * F(0.3)), inv), take(p, idx).cloth2)
        sub[:, idx] = s2
    chin = p.cy + p.B * p.cpitch * F(0.92)
    t = np.clip((Yb - chin) * F(3.0) + F(0.12), F(0.05), F(0.75)) + bx * p.lx * F(0.5)
    blend(sub, cover(dn, inv), p.shade, p.lit, np.clip(t, 0, 1))
    # ---- long hair before the shoulders
    if hair_shape is not None:
        idx, q, ax, hx0, shape = hair_shape
        gap = cover((q.neck * F(1.25) + F(0.05) - ax), inv)
        sub = rgb[:, idx]
        t = np.clip(F(0.5) + hx0 * q.lx * F(0.8) - y[idx] * F(0.25), 0, 1)
        blend(sub, shape * gap * np.clip(q.long * F(4), 0, 1), q.hairdark, q.hair, t)
        rgb[:, idx] = sub
    # ---- ears, behind
    ears = []
    for side in (F(-1), F(1)):
        exx, eyy, ez = project(p, side * F(1.03), F(0.05), F(-0.06))
        turn = np.clip(np.abs(p.cyaw) * F(0.55) + np.maximum(ez, 0) * F(1.1), F(0.4), F(1.2))
        ears.append((side, exx, eyy, ez, p.A * F(0.17) * turn, p.B * (F(0.17) + F(0.03) * p.old)))
    lo = float((p.cy + np.minimum(ears[0][2], ears[1][2])).min()) - 0.28
    hi = float((p.cy + np.maximum(ears[0][2], ears[1][2])).max()) + 0.28
    er = pic.rows(lo, hi)

    def paint_ears(front):
        xs, ys, sub = x[:, er], y[:, er], rgb[:, :, er]
        for side, exx, eyy, ez, rx, ry in ears:
            d = ellipse(xs, ys, exx, eyy, rx, ry)
            a = cover(d, inv)
            if front:
                a *= np.clip((ez - F(0.12)) * F(6), 0, 1)
            t = np.clip(F(0.50) + side * p.lx * F(0.35) + p.lz * F(0.15) + d * F(2.5), 0, 1)
            blend(sub, a, p.shade, p.lit, t)

    paint_ears(False)
    # ---- head
    nx, ny, nz, hx, hy, hz, d = head_map(x, y, p, F(1))
    head = cover(d, inv)
    lam = nx * p.lx + ny * p.ly + nz * p.lz
    foot = np.clip(nz * F(0.55) + hz * F(0.25), 0, 1)
    t = np.clip(F(0.20) + F(0.62) * lam + F(0.25) * foot, 0, 1)
    m = np.abs(hx)
    front = np.clip(hz * F(3), 0, 1)
    # sockets, cheeks, sides of the mouth and chin are soft changes of the light
    ux, uy = (m - p.ex) / F(0.27), (hy - p.ey + F(0.06)) / F(0.22)
    t -= bump((ux * ux + uy * uy) * F(0.8)) * front * (F(0.17) + F(0.08) * p.old)
    ux, uy = (m - F(0.50)) / F(0.30), (hy - F(0.30)) / F(0.24)
    cheek = bump(ux * ux + uy * uy) * front
    t += cheek * (F(0.10) - F(0.10) * p.old)
    ux, uy = hx / F(0.30), (hy - p.my - F(0.19) - p.mo) / F(0.06)
    t -= bump((ux * ux + uy * uy)) * front * F(0.14)
    # lines of age: folds beside the mouth, bags, forehead, crow's feet
    old = np.clip(p.old * F(1.15), 0, 1)
    k = (hy - p.noy) / (p.my + F(0.16) - p.noy)
    fold = m - (F(0.20) + F(0.20) * k + np.maximum(p.smile, 0) * F(0.5))
    w = (fold / F(0.055))
    kk = (k - F(0.5)) * F(1.7)
    line = bump(w * w) * np.maximum(F(1) - kk * kk, 0) * (old * F(0.55) + np.maximum(p.smile, 0) * F(1.2))
    u = (m - p.ex) / F(0.19)
    v = hy - (p.ey + F(0.185)) + u * u * F(0.05)
    w = v / F(0.045)
    line += bump(w * w) * np.maximum(F(1) - u * u, 0) * (old * F(0.50))
    w = (hy - (p.by - F(0.16)) + m * m * F(0.10)) / F(0.035)
    w2 = (hy - (p.by - F(0.29)) + m * m * F(0.10)) / F(0.035)
    line += (bump(w * w) + bump(w2 * w2)) * np.maximum(F(1) - m * m * F(2.8), 0) * (old * F(0.42))
    u = (m - p.ex - p.ew - F(0.11)) / F(0.10)
    v = (hy - p.ey + F(0.01))
    w = (np.abs(v) - F(0.05) - u * F(0.03)) / F(0.03)
    line += bump(w * w) * bump(u * u) * (old * F(0.45))
    t -= line * front
    np.clip(t, 0, 1, out=t)
    blend(rgb, head, p.shade, p.lit, t)
    blush = cheek * head * (F(0.20) + F(0.14) * (F(1) - p.grow) - F(0.10) * p.old)
    over(rgb, blush, p.skin * np.array([1.02, 0.68, 0.66], F)[:, None, None, None])
    paint_ears(True)

    soft = np.clip(hz / np.maximum(nz, F(0.12)), F(0.8), F(4))
    tinv = (p.A * inv) / soft  # pixels per head unit
    # ---- beard, on a slightly larger head
    idx = np.flatnonzero(p.is_facial_hair == "beard")
    if len(idx):
        q = take(p, idx)
        bnx, bny, bnz, bhx, bhy, bhz, bd = head_map(x[idx], y[idx], q, F(1.045))
        bm = np.abs(bhx)
        mouth = np.maximum(F(0), F(1) - (bm / F(0.36)) ** 2)
        cut = q.noy + F(0.30) - F(0.20) * mouth + F(0.10) * 0 - F(0.85) * smooth32((bm - F(0.50)) / F(0.5))
        d = np.maximum(cut - bhy, F(-0.25) - bhz + np.maximum(F(0.4) - bhy, 0))
        a = cover(bd, inv) * cover(d, (q.A * inv) * F(0.6)) * F(0.95)
        t = np.clip(F(0.25) + F(0.65) * (bnx * q.lx + bny * q.ly * F(0.3) + bnz * q.lz), 0, 1)
        sub = rgb[:, idx]
        blend(sub, a, q.beard * F(0.6), q.beard * F(1.25) + F(0.04), t)
        rgb[:, idx] = sub
    # ---- mouth, eyes, brows in head coordinates, clipped by the head
    fm = head * front
    u = hx / p.mw
    u2 = u * u
    dome = F(1) - u2
    v = hy - p.my + p.smile * (u2 - F(0.40)) * F(1.6)
    thick = p.lip * (F(1) - F(0.45) * u2)
    up = v + p.mo * F(0.45) * dome
    lo = v - p.mo * dome
    d_out = np.maximum(-up - thick * dome, lo - thick * F(1.25) * dome)
    # past the corners the two curves cross again and would enclose the cheeks
    corner = (np.abs(u) - F(1)) * p.mw
    d_out = np.maximum(d_out, corner)
    d_in = np.maximum(np.maximum(-up, lo), corner)
    over(rgb, cover(d_out - F(0.006), tinv * F(0.9)) * fm * F(0.9), p.lipc)
    over(rgb, cover(d_in - F(0.014) * np.clip(F(1.15) - u2, 0, 1), tinv) * fm, p.lipd * np.array([0.45, 0.28, 0.3], F)[:, None, None, None])
    teeth = np.maximum(np.maximum(-up + F(0.012), lo + F(0.02)), up - F(0.075) * dome)
    teeth = cover(np.maximum(teeth, corner), tinv)
    over(rgb, teeth * fm * np.clip(p.mo * F(14), 0, 1), np.array([0.95, 0.93, 0.90], F)[:, None, None, None])
    # eyes
    sgn = np.sign(hx)
    u = (m - p.ex) / p.ew
    u2 = u * u
    v = hy - p.ey + u * F(0.012)
    sag = p.old * F(0.03) * np.maximum(u, 0)
    upper = p.eh * (F(1) - u2) - sag
    lower = p.eh * F(0.62) * (F(1) - u2)
    d = np.maximum(-v - upper, v - lower)
    eye = cover(d, tinv) * fm
    over(rgb, eye, mix(p.skin, np.array([0.97, 0.97, 0.96], F)[:, None, None, None], F(0.88)))
    ix, iy = m - p.ex - p.gaze * sgn, v + F(0.008)
    ir = np.sqrt(ix * ix + iy * iy)
    over(rgb, cover(ir - p.iris, tinv) * eye, p.irisc)
    over(rgb, cover(ir - p.iris * F(0.48), tinv) * eye, p.irisc * F(0.12))
    cxx, cyy = hx - np.sign(p.lx) * F(0.03) - sgn * p.ex - p.gaze, iy + F(0.035)
    over(rgb, cover(np.sqrt(cxx * cxx + cyy * cyy) - F(0.026), tinv) * eye * F(0.9), np.ones((3, 1, 1, 1), F))
    # upper lid and its crease
    lash = np.abs(v + upper) - F(0.022) * np.clip(F(1.25) - u2, 0, 1)
    a = cover(np.maximum(lash, (np.abs(u) - F(1.08)) * p.ew), tinv) * fm
    over(rgb, a * F(0.85), p.skin * F(0.16))
    # brows
    u = (m - p.ex - F(0.01)) / F(0.23)
    v = hy - p.by + F(0.035) * u - F(0.055) * (F(0.3) - u * u) * F(-1) - p.smile * F(0.1)
    d = np.maximum(np.abs(v) - p.bt * (F(1.0) - F(0.35) * u), (np.abs(u) - F(1)) * F(0.23))
    over(rgb, cover(d, tinv) * fm * F(0.85), p.brow)
    # ---- moustache
    idx = np.flatnonzero(p.is_facial_hair != "none")
    if len(idx):
        q = take(p, idx)
        u = hx[idx] / (q.mw * F(1.12))
        u2 = u * u
        v = hy[idx] - q.my + q.smile * (u2 - F(0.40)) * F(1.4) + q.mo * F(0.45) * (F(1) - u2) + F(0.085)
        v -= u2 * F(0.06)
        d = np.maximum(np.abs(v) - F(0.070) * (F(1) - F(0.75) * u2), (np.abs(u) - F(1)) * q.mw)
        sub = rgb[:, idx]
        over(sub, cover(d, tinv[idx]) * fm[idx] * F(0.93), q.beard)
        rgb[:, idx] = sub
    # ---- nose
    x0, y0, _ = project(p, F(0), p.ey - F(0.02), F(0.98))
    x1, y1, _ = project(p, F(0), p.noy - F(0.02), p.noz)
    lo = float((p.cy + np.minimum(y0, y1)).min()) - 0.25
    hi = float((p.cy + np.maximum(y0, y1)).max()) + 0.25
    nr = pic.rows(lo, hi)
    xs, ys, sub = x[:, nr], y[:, nr], rgb[:, :, nr]
    # nostrils and the shadow beneath
    rn = p.nor * p.A * F(2.0)
    wing, wy, _ = project(p, F(0), p.noy + F(0.035), F(1.04))
    d = ellipse(xs, ys, wing, wy, rn * F(0.82), rn * F(0.40))
    over(sub, cover(d, inv * F(0.35)) * F(0.55), p.shade * F(0.92))
    r0, r1 = rn * F(0.34), rn * F(0.60)
    d, h, qx, qy = capsule(xs, ys, x0, y0, x1, y1, r0, r1)
    rr = r0 + (r1 - r0) * h
    sx, sy = np.clip(qx / rr, -1, 1), np.clip(qy / rr, -1, 1)
    sz = np.sqrt(np.maximum(F(1) - sx * sx - sy * sy, 0))
    # the bridge leans where the head looks, so its normal does too
    t = np.clip(F(0.28) + F(0.72) * (sx * p.lx + sy * p.ly + sz * p.lz) + F(0.18) * sz, 0, 1)
    a = cover(d + F(0.25) * rr, F(1) / (rr * F(0.9) + px)) * np.clip(h * F(2.2) + F(0.15), 0, 1)
    blend(sub, a * F(0.9), p.shade, p.lit, t)
    off = rn * F(0.42) * p.cyaw
    for side in (F(-1), F(1)):
        d = ellipse(xs, ys, wing + side * off + (x1 - wing) * F(0.35), wy + rn * F(0.12) + p.spitch * F(-0.02), rn * F(0.20), rn * F(0.11))
        over(sub, cover(d, inv) * F(0.60), p.shade * F(0.5))
    # ---- front hair
    hnx, hny, hnz, ax, ay, az, d = hair_map(x, y, p)
    # at the outline a pixel spans the whole side of the head; hair there would be a broken line
    rim = smooth32(hnz / F(0.30))
    k1 = smooth32((p.hk - az) / F(0.30)) * rim
    k2 = smooth32((F(0.05) - az) / F(0.35)) * rim
    ax2 = ax * ax
    line = p.h0 + p.hslope * ax + p.hcurve * ax2 - p.hcurve * F(0.15)
    wave = ax * F(4) - ax * ax2 * F(9)
    line += p.curl * wave * F(1.2)
    line = line + (p.h1 - line) * k1
    line += (p.h2 - p.h1) * k2
    dl = (ay - line)
    a = cover(d, inv) * cover(dl, (p.A * inv) * F(0.75)) * p.ha
    lam = hnx * p.lx + hny * p.ly + hnz * p.lz
    t = np.clip(F(0.18) + F(0.55) * lam, 0, 1)
    shine = np.clip(lam * F(2.2) - F(1.25), 0, 1)
    t += shine * F(0.28)
    # the fringe throws a soft shadow
    over(rgb, cover(dl - F(0.09), (p.A * inv) * F(0.22)) * head * front * F(0.35) * p.ha, p.shade)
    blend(rgb, a, p.hairdark, p.hairlit, t)
    # ---- glasses
    idx = np.flatnonzero(p.is_glasses != "none")
    if len(idx):
        paint_glasses(pic, rgb, x, y, p, idx, inv, front, head)
    return rgb


def smooth32(t):
    t = np.clip(t, 0, 1)
    return t * t * (F(3) - F(2) * t)


def hair_map(x, y, p):
    if not np.any(p.curl):
        return head_map(x, y, p, p.hr)
    # curls: ten soft lobes around the outline
    r = np.sqrt(x * x + y * y) + F(1e-6)
    c = x / r
    c2 = c * c
    c5 = c * (F(16) * c2 * c2 - F(20) * c2 + F(5))
    lobes = F(2) * c5 * c5 - F(1)
    return head_map(x, y, p, p.hr * (F(1) + p.curl * F(0.6) * lobes))


def paint_glasses(pic, rgb, x, y, p, idx, inv, front, head):
    q = take(p, idx)
    dark = (q.is_glasses == "dark").astype(F)[:, None, None]
    x, y = x[idx], y[idx]
    zg, bend = F(1.06), F(0.30)
    num = x / q.A - zg * q.syaw
    side = np.sign(num)
    gx = num / (q.cyaw - side * bend * q.syaw)
    m = np.abs(gx)
    z1 = (zg - bend * m) * q.cyaw - gx * q.syaw
    gy = (y / q.B + z1 * q.spitch) / q.cpitch
    gy = gy - q.ey - F(0.015)
    # rounded box in units of the half head width
    asp = q.B / q.A
    hw, hh = F(0.262), F(0.165) + F(0.07) * q.round
    rr = F(0.09) + F(0.14) * q.round
    dx = np.abs(m - q.ex - F(0.01)) - hw + rr
    dy = np.abs(gy * asp) - hh * asp + rr
    dxp, dyp = np.maximum(dx, 0), np.maximum(dy, 0)
    d = np.sqrt(dxp * dxp + dyp * dyp) + np.minimum(np.maximum(dx, dy), 0) - rr
    unit = q.A * inv * np.sqrt(q.cyaw)
    sub = rgb[:, idx]
    lens = cover(d, unit)
    tint = mix(np.array([0.85, 0.92, 1.0], F)[:, None, None, None], q.frame * F(0.5) + F(0.03), dark)
    over(sub, lens * (F(0.12) + F(0.80) * dark), tint)
    glare = bump(((gx * F(0.7) + gy - side * F(0.18)) / F(0.14)) ** 2) * lens
    over(sub, glare * (F(0.26) - F(0.06) * dark), np.ones((3, 1, 1, 1), F))
    half = F(0.043)
    rim = np.abs(d) - half
    bridge = np.maximum(np.abs(gy + F(0.03)) * asp - half * F(0.9), m - (q.ex - hw + F(0.02)))
    a = cover(np.minimum(rim, bridge), unit)
    # arms run back to the ears
    for s in (F(-1), F(1)):
        x0, y0, z0 = project(q, s * F(0.88), q.ey - F(0.02), F(0.50))
        gx1, gy1, _ = project(q, s * F(1.03), q.ey + F(0.02), F(-0.02))
        xa = q.A * ((q.ex + hw) * s * q.cyaw + (zg - bend * (q.ex + hw)) * q.syaw)
        za = (zg - bend * (q.ex + hw)) * q.cyaw - (q.ex + hw) * s * q.syaw
        ya = q.B * ((q.ey - F(0.02)) * q.cpitch - za * q.spitch)
        dc, _, _, _ = capsule(x, y, xa, ya, gx1, gy1, q.A * F(0.034), q.A * F(0.030))
        vis = np.clip((z0 - F(0.05)) * F(8), 0, 1) * np.clip(F(1) + s * (xa - gx1) * F(-1) / (q.A * F(0.05)) * F(-1) * F(-1), 0, 1)
        a = np.maximum(a, cover(dc, inv) * vis * head[idx])
    over(sub, a * F(0.97), q.frame)
    rgb[:, idx] = sub


def render_faces(attributes, image_size=64, *, batch_size=32):
    a = {}
    n = max(len(np.atleast_1d(v)) for v in attributes.values())
    for name, spec in ATTRIBUTES.items():
        a[name] = np.broadcast_to(np.asarray(attributes.get(name, spec.default)), (n,))
    out = np.empty((n, image_size, image_size, 3), np.uint8)
    p = parameters(a)
    order = np.argsort(a["pitch"], kind="stable")
    for i in range(0, n, batch_size):
        rows = order[i : i + batch_size]
        rgb = paint(take(p, rows), len(rows), image_size)
        np.clip(rgb, 0, 1, out=rgb)
        rgb *= F(255)
        rgb += F(0.5)
        out[rows] = np.moveaxis(rgb.astype(np.uint8), 0, -1)
    return out
