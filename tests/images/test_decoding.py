"""Decoding: files follow the rule for arrays, and what does not fit is refused by name."""

import io
import re
import warnings

import dask.array as da
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from skstylefeat.images import as_images
from skstylefeat.images._decoding import open_item
from skstylefeat.labeling._pictures import open_upright


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # Pillow 11.3 to 12 announces the end of PNG files of mode "I".
        warnings.simplefilter("ignore", DeprecationWarning)
        image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_rgb16(values):
    """Return a PNG file with three channels of 16 bits, which Pillow cannot write."""
    import struct
    import zlib

    def chunk(kind, data):
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    height, width, _ = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def gray(item):
    """Return the value of a constant image as it was decoded."""
    pixels = np.asarray(open_item(item, "x"))
    assert pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.dtype == np.uint8
    assert pixels.min() == pixels.max()
    return int(pixels[0, 0, 0])


SIDE = (5, 6)


@pytest.mark.parametrize(
    ("image", "kind", "expected"),
    [
        (np.full(SIDE, 90, np.uint8), "PNG", 90),
        (np.full(SIDE, 90 * 257, np.uint16), "PNG", 90),
        (np.full(SIDE, 90 * 257, np.uint16), "TIFF", 90),
        (np.full(SIDE, 65_535, np.uint16), "PNG", 255),
        (np.full(SIDE, 0, np.uint16), "PNG", 0),
        (np.full(SIDE, 4096, np.uint16), "PNG", 16),
        (np.full(SIDE, 90, np.int32), "TIFF", 90),
        (np.full(SIDE, 90 / 255, np.float32), "TIFF", 90),
        (np.full(SIDE, 1, np.float32), "TIFF", 255),
    ],
)
def test_depths(image, kind, expected):
    assert gray(encoded(Image.fromarray(image), kind)) == expected


@pytest.mark.parametrize(
    ("image", "kind", "message"),
    [
        (np.full(SIDE, 4095, np.uint16), "PNG", "16 bits per channel but values up to about 4095"),
        (np.full(SIDE, 255, np.uint16), "TIFF", "16 bits per channel"),
        (np.full(SIDE, 4095, np.int32), "TIFF", r"must lie in 0\.\.255, found 4095"),
        (np.full(SIDE, -1, np.int32), "TIFF", r"must lie in 0\.\.255, found -1"),
        (np.full(SIDE, 90, np.float32), "TIFF", "divide by 255"),
        (np.full(SIDE, -0.5, np.float32), "TIFF", r"use \(images \+ 1\) / 2"),
        (np.full(SIDE, np.nan, np.float32), "TIFF", "NaN or infinity"),
    ],
)
def test_values_that_do_not_fit_are_refused_as_in_arrays(image, kind, message):
    data = encoded(Image.fromarray(image), kind)
    with pytest.raises(ValueError, match=f"^photo cannot be read as an image: .*{message}"):
        open_item(data, "photo")
    with pytest.raises(ValueError, match=message):
        as_images(image[None]).read()


def test_colors_of_16_bits():
    colors = np.zeros((2, 2, 3), np.uint16)
    colors[0, 0] = 65_535, 90 * 257, 0
    assert np.asarray(open_item(png_rgb16(colors), "x"))[0, 0].tolist() == [255, 90, 0]
    for largest in (4095, 255):
        with pytest.raises(ValueError, match="16 bits per channel"):
            open_item(png_rgb16(np.full((2, 2, 3), largest)), "x")


def test_modes():
    for mode in ("RGB", "P", "CMYK", "YCbCr", "LA", "RGBA"):
        kind = "JPEG" if mode in ("CMYK", "YCbCr") else "PNG"
        # 153 is a color of the palette that Pillow converts to.
        value = 153 if mode == "P" else 90
        image = Image.new("RGB", SIDE, (value,) * 3).convert(mode)
        assert abs(gray(encoded(image, kind)) - value) <= 1
    assert gray(encoded(Image.new("1", SIDE, 1), "PNG")) == 255


def test_16_bits_for_all_channels_are_no_16_bits_each():
    """A BMP file with 5, 6 and 5 bits for the colors of a dark pixel."""
    head = b"BM" + (70 + 8).to_bytes(4, "little") + bytes(4) + (70).to_bytes(4, "little")
    info = b"".join(n.to_bytes(4, "little") for n in (56, 1, 1))
    info += (1).to_bytes(2, "little") + (16).to_bytes(2, "little")
    info += b"".join(n.to_bytes(4, "little") for n in (3, 4, 0, 0, 0, 0))
    masks = b"".join(n.to_bytes(4, "little") for n in (0xF800, 0x07E0, 0x001F, 0))
    pixel = (1 << 11 | 2 << 5 | 1).to_bytes(2, "little") + bytes(2)
    decoded = np.asarray(open_item(head + info + masks + pixel, "x"))
    np.testing.assert_allclose(decoded, 8, atol=1)


def test_transparency_is_over_white():
    for image in (Image.new("RGBA", SIDE, (255, 0, 0, 0)), Image.new("LA", SIDE, (7, 0))):
        assert gray(encoded(image, "PNG")) == 255
    palette = Image.new("P", SIDE, 3)
    palette.putpalette([0, 0, 0] * 256)
    assert gray(encoded(palette, "PNG", transparency=3)) == 255
    deep = np.full(SIDE, 20_000, np.uint16)
    deep[0, 0] = 30_000
    pixels = np.asarray(open_item(encoded(Image.fromarray(deep), "PNG", transparency=30_000), "x"))
    assert pixels[0, 0, 0] == 255 and pixels[1, 1, 0] == round(20_000 / 257)


def test_the_first_frame_is_read():
    frames = [Image.new("L", SIDE, value) for value in (90, 180)]
    for kind in ("GIF", "TIFF"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        assert gray(data) == 90


def test_too_large_images_name_the_limit(monkeypatch, tmp_path):
    Image.new("L", (40, 40)).save(tmp_path / "big.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 700)
    message = r"big\.png is too large: .* at most 1,400 pixels.*raise PIL\.Image\.MAX_IMAGE_PIXELS"
    for read in (lambda path: as_images([path]).read(), open_upright):
        with pytest.raises(ValueError, match=message) as caught:
            read(tmp_path / "big.png")
        assert "damaged" not in str(caught.value)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # Pillow warns between limit and twice it
    with pytest.raises(ValueError, match="too large"):
        as_images([tmp_path / "big.png"]).read()


def test_smaller_copies_of_large_files():
    image = Image.effect_noise((640, 480), 50).convert("RGB")
    data = encoded(image, "JPEG")
    assert open_item(data, "x", side=60).size == (80, 60)
    assert open_item(encoded(image, "PNG"), "x", side=60).size == (640, 480)


def test_one_color_image_is_not_a_stack_of_gray_ones():
    for shape in ((6, 5, 3), (3, 3, 3), (9, 8, 1), (9, 8, 4)):
        for kind in (np.zeros(shape), list(np.zeros(shape)), np.zeros(shape).tolist()):
            with pytest.raises(
                ValueError, match=rf"one image of {shape[0]} x .*or {shape[0]} gray"
            ):
                as_images(kind)


@pytest.mark.parametrize("side", [(8, 8), (9, 20), (64, 64)])
def test_channels_first_or_three_gray_images(side):
    """(3, H, W) is refused with both readings, and each of the two that it names is read."""
    pixels = np.random.default_rng(0).random((3, *side))
    for kind in (pixels, pixels.tolist(), da.from_array(pixels)):
        with pytest.raises(ValueError) as caught:
            as_images(kind)
        text = str(caught.value)
        assert f"one image of {side[0]} x {side[1]} pixels with its 3 channels first" in text
        assert f"or 3 gray images of {side[0]} x {side[1]} pixels" in text
    images, color, gray = (
        pixels,
        *re.search(r"Pass (.+) for the one image, or (.+) for", text).groups(),
    )
    one, three = (as_images(eval(code, {"images": images})).read() for code in (color, gray))
    np.testing.assert_allclose(one[0], np.moveaxis(pixels, 0, 2), atol=1e-6)
    np.testing.assert_allclose(three, np.repeat(pixels[..., None], 3, 3), atol=1e-6)
    # A list of three arrays is three images; fewer or more rows, or few pixels, are gray images.
    np.testing.assert_allclose(as_images(list(pixels)).read(), three)
    for n in (1, 2, 4):
        assert as_images(np.zeros((n, *side))).read().shape == (n, *side, 3)
    assert as_images(np.zeros((3, 4, 4))).read().shape == (3, 4, 4, 3)


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (np.array([[0, 1], [1, 0]], bool), [[0, 1], [1, 0]]),
        (np.array([[0, 65_535], [257 * 90, 4096]], np.uint16), [[0, 1], [90 / 255, 16 / 257]]),
        (np.array([[0, 65_535], [257 * 90, 4096]], ">u2"), [[0, 1], [90 / 255, 16 / 257]]),
        (np.array([[0, 255], [90, 1]], np.uint8), [[0, 1], [90 / 255, 1 / 255]]),
        (np.array([[0, 255], [90, 1]], np.int16), [[0, 1], [90 / 255, 1 / 255]]),
        (np.array([[0, 127], [90, 1]], np.int8), [[0, 127 / 255], [90 / 255, 1 / 255]]),
        (np.array([[0, 255], [90, 1]], np.int64), [[0, 1], [90 / 255, 1 / 255]]),
        (np.array([[0, 1], [0.25, 0.5]], np.float16), [[0, 1], [0.25, 0.5]]),
        (np.array([[0, 1], [0.25, 0.5]], np.float64), [[0, 1], [0.25, 0.5]]),
    ],
)
def test_types_of_arrays(pixels, expected):
    """One rule for blocks, lists of mixed sizes, tensors and Pillow's images."""
    small = np.zeros((1, 1, 3), np.uint8)
    native = pixels.astype(pixels.dtype.newbyteorder("="))
    kinds = [pixels[None], [pixels], pixels[None, ..., None], np.stack([pixels] * 3, -1)[None]]
    kinds += [[pixels, small], [np.stack([pixels] * 3, -1), small], [pixels[..., None], small]]
    kinds += [torch.from_numpy(native)[None, None], [torch.from_numpy(native)[None], small]]
    if pixels.dtype in ("bool", "u1", "u2"):
        kinds += [[Image.fromarray(native)], [encoded(Image.fromarray(native), "PNG")]]
    for kind in kinds:
        found = as_images(kind)[:1].read()
        np.testing.assert_allclose(
            found[0], np.repeat(np.array(expected)[..., None], 3, 2), atol=0.5 / 255 + 1e-6
        )


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.full((8, 8), 4095, np.uint16), "values up to about 4095 only"),
        (np.full((8, 8), 200, np.uint16), "values up to about 200 only"),
        (np.full((8, 8), 256, np.int16), r"must lie in 0\.\.255, found 256"),
        (np.full((8, 8), 65_535, np.int32), r"must lie in 0\.\.255, found 65535"),
        (np.full((8, 8), -1, np.int8), r"must lie in 0\.\.255, found -1"),
        (np.full((8, 8), 200.0, np.float16), "divide by 255"),
        (np.full((8, 8), -0.5, np.float64), r"use \(images \+ 1\) / 2"),
        (np.full((8, 8), np.inf), "NaN or infinity"),
        (np.full((8, 8), 1e30), "found 1e"),
    ],
)
def test_values_outside_the_rule(pixels, message):
    small = np.zeros((1, 1, 3), np.uint8)
    kinds = [pixels[None], [pixels, small], torch.from_numpy(pixels)[None, None]]
    for kind in kinds:
        with pytest.raises(ValueError, match=f"image 0.*{message}"):
            as_images(kind)[:1].read()


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((2, 4, 8, 8)), "so 8 channels"),
        (np.zeros((2, 1, 8, 8)), r"transpose\(0, 2, 3, 1\)"),
        (np.zeros((2, 8, 8, 4)), r"Drop the alpha channel: images\[\.\.\., :3\]"),
        (np.zeros((2, 8, 8, 2)), "so 2 channels"),
        (np.zeros((8, 8)), r"images\[None\]"),
        (np.zeros((1, 2, 8, 8, 3)), r"shape \(1, 2, 8, 8, 3\)"),
        ([np.zeros((3, 8, 8)), np.zeros((3, 9, 9))], r"shape \(3, 8, 8\)"),
        ([np.zeros((8, 8, 4)), np.zeros((9, 9, 4))], r"shape \(8, 8, 4\)"),
        ([np.zeros((8, 8, 3)), np.zeros((9, 9), complex)], "complex128"),
        ([np.zeros((8, 8, 3)), np.zeros((9, 9), "M8[s]")], "datetime64"),
        ([np.zeros((8, 8, 3)), np.zeros((9, 9), "U1")], "dtype <U1"),
        ([np.zeros((8, 8, 3)), np.zeros((9, 9), object)], "dtype object"),
        ([np.zeros((8, 8, 3)), np.zeros((0, 9))], r"shape \(0, 9\)"),
        ([np.zeros((8, 8, 3)), 3], "It is 3; expected a path"),
        ([np.zeros((8, 8, 3)), [1, 2]], r"It is \[1, 2\]; expected a path"),
    ],
)
def test_layouts_that_are_refused(pixels, message):
    with pytest.raises(ValueError, match=message):
        as_images(pixels).read((4, 4))


def test_other_layouts():
    assert as_images(np.zeros((1, 6, 5, 3))).read().shape == (1, 6, 5, 3)
    assert as_images(np.zeros((6, 5, 3, 1))).read().shape == (6, 5, 3, 3)
    assert as_images(np.zeros((1, 9, 9))).read().shape == (1, 9, 9, 3)


def test_all_unreadable_files_are_named(tmp_path):
    for i in range(12):
        (tmp_path / f"{i}.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"12 of 12 images .*/0\.png .*/9\.png .*; and 2 more$"):
        as_images(tmp_path).read((4, 4))


PIXELS = st.tuples(
    st.sampled_from([np.uint8, np.uint16, np.int32, np.float32]),
    st.sampled_from(["PNG", "TIFF"]),
    st.floats(0, 1),
    st.sampled_from([1.0, 255.0, 4095.0, 65_535.0]),
)


@settings(max_examples=150, deadline=None)
@given(PIXELS)
def test_gray_files_are_right_or_refused(drawn):
    """The value of a pixel is a share of the range that its type has by rule, or an error."""
    dtype, kind, share, unit = drawn
    value = dtype(min(share * unit, 255) if dtype == np.uint8 else share * unit)
    image = Image.fromarray(np.full(SIDE, value, dtype))
    try:
        data = encoded(image, kind)
    except OSError:
        return  # Pillow writes no float PNG
    if dtype == np.int32 and kind == "PNG":
        return  # Pillow writes 16 bits for these, whatever the values
    top = {np.uint8: 255, np.uint16: 65_535, np.int32: 255, np.float32: 1}[dtype]
    try:
        decoded = gray(data)
    except ValueError as error:
        assert "cannot be read as an image: " in str(error)
        assert value > top or (dtype == np.uint16 and 0 < value <= 4095)
    else:
        assert abs(decoded - float(value) / top * 255) <= 1
        assert dtype != np.uint16 or value == 0 or value > 4095


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"]), st.data())
def test_damaged_files_are_read_or_refused(kind, data):
    """No error but a ValueError leaves the decoder, and what it returns is an image."""
    rng = np.random.default_rng(0)
    content = bytearray(encoded(Image.fromarray(rng.integers(0, 255, (9, 9, 3), np.uint8)), kind))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    del content[data.draw(st.integers(1, len(content))) :]
    try:
        image = open_item(bytes(content), "photo")
    except ValueError as error:
        assert "photo" in str(error)
    else:
        assert image.mode == "RGB"


LAYOUTS = ["gray", "gray, one channel", "color"]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.sampled_from(["bool", "u1", "i1", "u2", ">u2", "i2", "u4", "i4", "i8", "f2", "f4", "f8"]),
    st.sampled_from(LAYOUTS),
    st.sampled_from([1, 127, 255, 256, 4095, 4096, 65_535, -1]),
    st.integers(0, 2**16),
)
def test_arrays_are_right_or_refused_in_every_form(dtype, layout, top, seed):
    """Blocks, lists, tensors, Pillow's images and lossless files of one picture agree."""
    dtype = np.dtype(dtype)
    rng = np.random.default_rng(seed)
    shape = {"gray": SIDE, "gray, one channel": (*SIDE, 1), "color": (*SIDE, 3)}[layout]
    values = rng.integers(min(top, 0), max(top, 0), shape, endpoint=True)
    values.flat[0] = top
    if dtype.kind == "f":
        pixels = (values / max(abs(top), 1)).astype(dtype)
    else:
        with np.errstate(all="ignore"):
            pixels = values.astype(dtype)
    low, high = float(pixels.min()), float(pixels.max())
    unit = {"b": 1, "f": 1}.get(dtype.kind, 65_535 if dtype.str[1:] == "u2" else 255)
    fits = low >= 0 and high <= unit and not (unit == 65_535 and 0 < high <= 4095)

    native = pixels.astype(dtype.newbyteorder("="))
    planes = np.moveaxis(np.atleast_3d(native), 2, 0)
    small = np.zeros((1, 1, 3), np.uint8)
    kinds = [pixels[None], np.stack([pixels] * 2), [pixels], [pixels, small]]
    kinds += [torch.from_numpy(planes[None].copy()), [torch.from_numpy(planes.copy()), small]]
    if native.dtype in ("bool", "u1") or (native.dtype == "u2" and layout == "gray"):
        image = Image.fromarray(np.squeeze(native)) if layout != "color" or unit != 1 else None
        if image is not None:
            kinds += [[image], [encoded(image, "PNG")], [encoded(image, "TIFF")]]
    elif native.dtype == "u2" and layout == "color":
        kinds.append([png_rgb16(native)])
    elif native.dtype == "f4" and layout == "gray":
        kinds.append([encoded(Image.fromarray(native), "TIFF")])

    expected = np.broadcast_to(np.atleast_3d(native).astype(float) / unit, (*SIDE, 3))
    for kind in kinds:
        if fits:
            found = as_images(kind)[:1].read()[0]
            # Files of 16 bits per color keep their upper byte.
            np.testing.assert_allclose(found, expected, atol=1 / 255 + 1e-6)
        else:
            with pytest.raises(ValueError, match=r"image 0.*(must lie in|16 bits per channel)"):
                as_images(kind)[:1].read()
