"""The picture of the labeling page in the docs, from rendered faces: needs Chromium.

Run as ``python -m benchmarks.picture_labeling`` in the repository.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from skstylefeat.datasets import make_faces
from tests.support.webdriver import Browser, find_browser

OUT = Path(__file__).parents[1] / "docs" / "images" / "labeling.png"
SIZE = (1120, 700)
LABELED = 13  # labels given before the picture is taken


def write_faces(folder):
    """Write 200 rendered faces as files and return which wear glasses."""
    faces = make_faces(200, random_state=3)
    folder.mkdir()
    wears = {}
    kinds = faces.frame["glasses"]
    for number, (pixels, kind) in enumerate(zip(faces.images, kinds, strict=True)):
        name = f"face-{number:03}.png"
        Image.fromarray(pixels).save(folder / name)
        wears[name] = kind != "none"
    return wears


def main():
    """Label some faces by their true attribute and take the picture."""
    with tempfile.TemporaryDirectory() as home:
        wears = write_faces(Path(home) / "faces")
        command = [sys.executable, "-m", "skstylefeat", "annotate", str(Path(home) / "faces")]
        command += ["--classes", "bare,glasses", "--n-clusters", "10", "--no-browser", "--quiet"]
        browser = Browser(*find_browser(), Path(home) / "profile", (SIZE[0], SIZE[1] + 200))
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                line = next(line for line in server.stdout if line.startswith("Label at "))
                browser.resize(*SIZE)
                browser.open(line.split()[2])
                browser.wait("return document.activeElement.dataset.file")
                for _ in range(LABELED):
                    file = browser.run("return document.activeElement.dataset.file")
                    browser.keys("2" if wears[file] else "1")
                time.sleep(1)  # until the images of this cluster are drawn
                browser.screenshot(OUT)
            finally:
                browser.close()
                server.kill()
    with Image.open(OUT) as picture:
        smaller = picture.convert("RGB")
    smaller.save(OUT, optimize=True)


if __name__ == "__main__":
    main()
