"""What attributes do to the pixels of rendered faces."""

import itertools

import numpy as np
import pytest

from skstylefeat.datasets import render_faces
from skstylefeat.datasets._attributes import ATTRIBUTES


def strip(size=64, **attributes):
    return render_faces(attributes, size).astype(float)


def changed_place(first, second):
    """Center (x, y) of the pixels that differ between two pictures, in pixels."""
    weight = np.abs(first - second).sum(axis=-1)
    y, x = np.indices(weight.shape)
    return (x * weight).sum() / weight.sum(), (y * weight).sum() / weight.sum()


def test_default_face_is_symmetric_but_for_light_and_background():
    face = strip(light_azimuth=0, hair_style="swept", background="plain", background_angle=90)[0]
    np.testing.assert_allclose(face, face[:, ::-1], atol=3)


def test_yaw_moves_the_nose_to_the_right():
    yaw = np.linspace(-45, 45, 7)
    small, large = strip(yaw=yaw, nose_size=-1), strip(yaw=yaw, nose_size=1)
    places = [changed_place(a, b)[0] for a, b in zip(small, large, strict=True)]
    assert np.all(np.diff(places) > 2)
    assert places[-1] - places[0] > 18
    assert places[3] == pytest.approx(31.5, abs=1)


def test_yaw_hides_the_far_eye():
    for side in (-1, 1):
        brown, blue = (
            strip(yaw=45.0 * side, eye_color=color, eye_open=1)[0] for color in ("brown", "blue")
        )
        change = np.abs(brown - blue).sum(axis=(0, 2))
        left, right = change[:32].sum(), change[32:].sum()
        # the head looks to one side; both eyes are seen there, or the near one only
        assert (right - left) * side > 0


def test_pitch_moves_the_eyes_up():
    pitch = np.linspace(-25, 25, 5)
    first, second = (strip(pitch=pitch, eye_color=color) for color in ("brown", "blue"))
    places = [changed_place(a, b)[1] for a, b in zip(first, second, strict=True)]
    assert np.all(np.diff(places) < -1)


def test_roll_turns_clockwise():
    left_eye_down = []
    for roll in (-8.0, 8.0):
        first, second = (strip(roll=roll, eye_color=color)[0] for color in ("brown", "blue"))
        left = changed_place(first[:, :32], second[:, :32])[1]
        right = changed_place(first[:, 32:], second[:, 32:])[1]
        left_eye_down.append(left - right)
    assert left_eye_down[0] > 1
    assert left_eye_down[1] < -1


def test_smile_lifts_the_corners_of_the_mouth():
    drop = []
    for smile in (-1, 0, 1):
        mouth = strip(smile=smile, mouth_open=0)[0, 40:60]
        lips = np.argmax(mouth[..., 0] - mouth[..., 1], axis=0)  # the reddest row of each column
        drop.append(lips[27] - lips[31])
    assert drop[0] > drop[1] > drop[2]
    assert drop[0] > 0 > drop[2]


def test_age_grays_the_hair_and_lifts_the_hairline():
    young, old = strip(age=[20, 78], hair_color="red", hair_length=0.3)[:, :, 28:36]
    crown = slice(9, 11)
    assert np.ptp(young[crown], axis=-1).mean() > 100
    assert np.ptp(old[crown], axis=-1).mean() < 20
    # where hair color shows, hair is
    places = {}
    for age in (20, 55):
        black, red = (strip(age=age, hair_color=color)[0] for color in ("black", "red"))
        changed = np.abs(black - red).sum(axis=-1)[:22, 31] > 20
        places[age] = np.flatnonzero(changed).max()
    assert places[55] < places[20] - 1


@pytest.mark.parametrize("yaw", [-30.0, 0.0, 30.0])
def test_glasses_change_the_region_of_the_eyes(yaw):
    none, clear, dark = strip(glasses=["none", "clear", "dark"], yaw=yaw)
    eyes = slice(22, 38)
    assert dark[eyes].mean() < clear[eyes].mean() - 5
    assert clear[eyes].mean() < none[eyes].mean()
    far = np.r_[0:18, 44:64]
    np.testing.assert_array_equal(dark[far], none[far])


def test_beards_cover_the_chin_and_moustaches_the_lip():
    none, moustache, beard = strip(facial_hair=["none", "moustache", "beard"], hair_color="black")
    x, y = changed_place(none, moustache)
    assert x == pytest.approx(31.5, abs=1)
    assert 38 < y < 46
    assert changed_place(none, beard)[1] > y
    assert np.abs(none - beard).sum() > 3 * np.abs(none - moustache).sum()


def test_open_eyes_and_mouths_change_only_their_places():
    shut, wide = strip(eye_open=[0, 1])
    assert 20 < changed_place(shut, wide)[1] < 34
    shut, wide = strip(mouth_open=[0, 1])
    assert 42 < changed_place(shut, wide)[1] < 56


def test_light_brightens_its_own_side():
    from_left, from_right = strip(light_azimuth=[-60, 60], light_elevation=0)
    cheeks = [
        face[34:42, 38:46].mean() - face[34:42, 18:26].mean() for face in (from_left, from_right)
    ]
    assert cheeks[0] < -20
    assert cheeks[1] > 20


def test_skin_tone_darkens_and_width_widens():
    faces = strip(skin_tone=np.linspace(0, 1, 5))
    assert np.all(np.diff(faces[:, 36:42, 26:38].mean(axis=(1, 2, 3))) < -10)
    silhouettes = strip(face_width=[-1, 1], background="plain", hair_length=0)
    middle = silhouettes[:, 36, :, :]
    widths = [np.sum(np.abs(row - row[0]).sum(axis=-1) > 60) for row in middle]
    assert widths[1] > widths[0] + 2


@pytest.mark.parametrize("name", list(ATTRIBUTES))
def test_every_attribute_is_seen(name):
    spec = ATTRIBUTES[name]
    values = list(spec.categories) or [spec.low, spec.high]
    if name.endswith(("_hue", "_angle")):
        values[1] = sum(values) / 2  # a whole turn changes nothing
    # frames show on glasses only
    others = {"glasses": "clear"} if name == "frame_shape" else {}
    images = render_faces({**others, name: values}, 64).astype(float)
    for first, second in itertools.combinations(images, 2):
        assert np.abs(first - second).max() > 15
