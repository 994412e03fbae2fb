"""Screenshot of the labeling page for the docs, with rendered faces; needs Chromium.

Run as ``python -m benchmarks.picture_labeling`` in the repository.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from skstylefeat.datasets import make_faces
from tests.support.webdriver import Browser, find_browser

OUT = Path(__file__).parents[1] / "docs" / "images" / "labeling.png"
LABELED = 17  # labels given before the screenshot is taken, five of the second round
FOCUSED = "return document.activeElement.dataset.file"
# All labels are saved, none is awaited, and all images are drawn that are not below the window.
READY = """
return document.querySelector('#count').dataset.waiting === '0' &&
  document.activeElement.innerText.includes('?') &&
  [...document.querySelectorAll('#label-view img')].every((image) =>
    image.naturalWidth || image.getBoundingClientRect().top > innerHeight)
"""


def write_faces(folder):
    """Write 200 rendered faces as files and return which of them wear glasses."""
    faces = make_faces(200, random_state=3)
    folder.mkdir()
    wears = {}
    kinds = faces.attributes["glasses"]
    for number, (pixels, kind) in enumerate(zip(faces.images, kinds, strict=True)):
        name = f"face-{number:03}.png"
        Image.fromarray(pixels).save(folder / name)
        wears[name] = kind != "none"
    return wears


def main():
    """Label some faces by their true attribute and take the screenshot."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--size", type=int, nargs=2, default=(1120, 700), metavar=("W", "H"))
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as home:
        wears = write_faces(Path(home) / "faces")
        command = [sys.executable, "-m", "skstylefeat", "annotate", str(Path(home) / "faces")]
        command += ["--classes", "bare,glasses", "--no-browser", "--quiet"]
        browser = Browser(*find_browser(), Path(home) / "profile")
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                line = next(line for line in server.stdout if line.startswith("Label at "))
                browser.set_page_size(*arguments.size)
                browser.get(line.split()[2])
                browser.wait(FOCUSED)
                for _ in range(LABELED):
                    browser.press("2" if wears[browser.wait(FOCUSED)] else "1")
                    browser.wait(READY)
                browser.save_screenshot(str(arguments.out))
            finally:
                browser.quit()
                server.kill()
    with Image.open(arguments.out) as picture:
        smaller = picture.convert("RGB")
    smaller.save(arguments.out, optimize=True)


if __name__ == "__main__":
    main()
