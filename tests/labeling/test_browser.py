"""The labeling page in a real browser, by keyboard, with the server killed in the middle."""

import json
import re
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image

from skstylefeat.datasets import make_faces
from tests.support.labeling import open_session, read_csv, serving, write_squares
from tests.support.networks import write_pair
from tests.support.webdriver import (
    CONTROL,
    DELETE,
    DOWN,
    ENTER,
    ESCAPE,
    LEFT,
    RIGHT,
    UP,
    Browser,
    find_browser,
)

pytestmark = pytest.mark.browser

FOCUSED = "return document.activeElement.dataset.file"
SAVED = "return document.querySelector('#count').dataset.waiting === '0'"
READY = "return document.activeElement.classList.contains('tile')"
MARKUP = 'red-!<b title="x">&amp;.png'
UNNAMED = """
return [...document.querySelectorAll('button, input, dialog, progress')].filter((x) => !(
  x.ariaLabel || x.getAttribute('aria-labelledby') || x.textContent.trim() || x.labels?.length
)).map((x) => x.outerHTML)
"""
COUNT = "return document.querySelector('#count').textContent"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    paths = find_browser()
    if None in paths:
        pytest.fail(
            "These tests need Chromium and its driver: apt-get install chromium chromium-driver. "
            "Without them run the others, as plain pytest does."
        )
    browser = Browser(*paths, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """200 rendered faces as files, and which of them wear glasses."""
    folder = tmp_path_factory.mktemp("session") / "faces"
    folder.mkdir()
    rendered = make_faces(200, random_state=7)
    truth = {}
    for number, (pixels, kind) in enumerate(
        zip(rendered.images, rendered.frame["glasses"], strict=True)
    ):
        name = f"face-{number:03}.png"
        Image.fromarray(pixels).save(folder / name)
        truth[name] = "none" if kind == "none" else "glasses"
    return folder, truth


class Command:
    """The command as a process of its own, always at the same port."""

    def __init__(self, folder, *arguments):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.line = [sys.executable, "-m", "skstylefeat", "annotate", str(folder), "--no-browser"]
        self.line += [*arguments, "--port", str(port)]
        self.process = None

    def start(self, *more):
        self.process = subprocess.Popen(
            [*self.line, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for line in self.process.stdout:
            found = re.match(r"Label at (\S+) ", line)
            if found:
                return found[1]
        raise AssertionError(self.process.communicate()[1])

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.communicate()


def entries(work):
    return [json.loads(line) for line in (work / "journal.jsonl").read_text().splitlines()]


def test_faces_are_labeled_by_keyboard_and_a_kill_loses_nothing(browser, faces, tmp_path):
    folder, truth = faces
    work, generator, encoder = folder.parent / "faces.labeling", *write_pair(tmp_path)
    command = Command(folder, "--out", str(tmp_path / "names.csv"))
    options = ["--generator", generator, "--encoder", encoder, "--n-clusters", "10"]
    # Keys of the classes: 1 or o, and 2 or g.
    keys = {"none": "1o", "glasses": "2g"}
    try:
        url = command.start(*options, "--classes", "none,glasses", "--quiet")
        browser.open(url)
        browser.wait(READY)
        layout = browser.run("return fetch('layout').then((answer) => answer.json())")
        assert [len(cluster["asked"]) for cluster in layout["clusters"]] == [3] * 10
        assert len(layout["files"]) == 200
        order = [layout["files"][row] for c in layout["clusters"] for row in c["asked"]]

        for place, file in enumerate(order[:8]):
            assert browser.run(FOCUSED) == file
            browser.keys(keys[truth[file]][place % 2])
        browser.wait(SAVED)
        assert browser.run(COUNT) == "8 of 30 labeled"

        # The server dies while keys are being pressed, at a moment of its own.
        def kill_soon():
            start = len(entries(work))
            while len(entries(work)) < start + 2:
                time.sleep(0.001)
            command.process.kill()

        killer = threading.Thread(target=kill_soon)
        killer.start()
        for file in order[8:16]:
            browser.keys(keys[truth[file]][0])
        killer.join()
        command.kill()
        browser.keys(*(keys[truth[file]][0] for file in order[16:18]))
        browser.wait("return document.querySelector('#offline').textContent.includes('wait here')")
        on_disk = {e["file"]: e["label"] for e in entries(work) if e["op"] == "label"}
        assert 10 <= len(on_disk) < 18  # some had been acknowledged, some not
        with open(work / "journal.jsonl", "ab") as file:
            file.write(b'{"op": "label", "file": "face-0')  # cut short, as by a kill

        assert command.start() == url  # the clusters are those of before, without any option
        browser.wait(SAVED)
        assert browser.run(COUNT) == "18 of 30 labeled"
        told = [e for e in entries(work) if e["op"] == "label"]
        assert [(e["file"], e["label"]) for e in told] == [(f, truth[f]) for f in order[:18]]

        # Killed again, with the page closed: a new page goes on, and undo reaches back.
        command.kill()
        browser.open("about:blank")
        browser.open(command.start())
        browser.wait(READY)
        assert browser.run(FOCUSED) == order[18]
        browser.chord(CONTROL, "z")
        browser.wait("return arguments[0] === document.activeElement.dataset.file", order[17])
        browser.keys("z")
        browser.wait("return arguments[0] === document.activeElement.dataset.file", order[16])
        assert browser.run(COUNT) == "16 of 30 labeled"

        wrong = {"none": "2", "glasses": "1"}
        browser.keys(wrong[truth[order[16]]], LEFT, keys[truth[order[16]]][0])
        for file in order[17:]:
            assert browser.run(FOCUSED) == file
            browser.keys(keys[truth[file]][0])
        browser.wait("return !document.querySelector('#names-view').hidden")
        assert browser.run(COUNT) == "30 of 30 labeled"
        assert browser.run("return document.querySelectorAll('#names-view .tile').length") == 200
        assert browser.run("return document.querySelectorAll('#names-view .said').length") == 30
    finally:
        command.kill()
    labels = {row["file"]: row["label"] for row in read_csv(work / "labels.csv")}
    assert labels == {file: truth[file] for file in order}
    names = read_csv(tmp_path / "names.csv")
    assert [row["file"] for row in names] == sorted(truth)
    by_hand = [row for row in names if row["file"] in labels]
    assert all(row["name"] == labels[row["file"]] for row in by_hand)
    clusters = np.array([int(row["cluster"]) for row in names])
    assert np.unique(clusters).tolist() == list(range(10))


@pytest.fixture
def page(browser, tmp_path):
    """The page of squares; their names hold what could be taken for markup."""
    folder = write_squares(tmp_path / "squares")
    (folder / "red-0.png").rename(folder / MARKUP)
    session = open_session(tmp_path)
    session.take_classes(["warm", "cold"])
    with serving(session) as server:
        browser.resize(1280, 900)
        browser.open(server.url)
        browser.wait(READY)
        browser.problems()
        yield browser, session
        browser.open("about:blank")
        # The driver leaves a page that would rather be asked first.
        assert [text for text in browser.problems() if "beforeunload" not in text] == []
    session.close()


def test_keys(page):
    browser, session = page
    assert browser.run(FOCUSED) == MARKUP
    assert browser.run("return document.activeElement.querySelector('.file').textContent") == MARKUP
    browser.keys(RIGHT)
    assert browser.run(FOCUSED) == "red-1.png"
    browser.keys(DOWN)
    assert browser.run("return document.activeElement.closest('#others') !== null")
    browser.keys(UP, LEFT, LEFT)
    assert browser.run(FOCUSED) == MARKUP
    title = "return document.querySelector('#cluster-title').textContent"
    browser.keys("n", "n")
    assert browser.run(title) == "Cluster 2"
    browser.keys("n", "p", "p")
    assert browser.run(title) == "Cluster 1"
    browser.keys("n", "n", "w", "2", "w")  # to the first again; a letter, a digit
    browser.wait(SAVED)
    assert sorted(session.labels.values()) == ["cold", "warm", "warm"]
    browser.keys(LEFT, DELETE, "p", DELETE)
    browser.wait("return document.querySelector('#count').textContent.startsWith('1 of 6')")
    browser.keys("?")
    browser.wait("return document.querySelector('#help-dialog').open")
    browser.keys("1")  # a dialog takes no labels
    browser.keys(ESCAPE, " ")
    browser.wait("return document.querySelector('#picture').naturalWidth === 12")
    browser.keys(ESCAPE, "v")
    browser.wait("return document.querySelectorAll('#names-view .tile').length === 12")
    browser.keys("1")  # nor does the view of the names
    browser.click("#names-view section:nth-of-type(2) .tile:nth-child(3)")
    assert browser.run(title) == "Cluster 1" and browser.run(FOCUSED).startswith("green")
    assert len(session.labels) == 1


def test_new_classes_are_typed_and_markup_stays_text(page):
    browser, session = page
    browser.keys("c", *"<i>1</i>", ENTER)
    button = "return document.querySelector('#classes .class:nth-child(3)')?.dataset.name"
    browser.wait(f"{button} === '<i>1</i>'")
    browser.keys("3")
    browser.wait(SAVED)
    assert list(session.labels.values()) == ["<i>1</i>"]
    assert browser.run("return document.querySelectorAll('i, b').length") == 0
    browser.keys("+", *"warm", ENTER)  # is there already
    browser.keys("z", "z")
    browser.wait("return document.querySelectorAll('#classes .class').length === 2")
    assert session.labels == {}


def test_two_pages_lose_no_label(page):
    browser, session = page
    first = browser.current_tab
    url = browser.run("return location.href")
    second = browser.tab()
    browser.open(url)
    browser.wait(READY)
    browser.keys("2", "2")
    browser.tab(first)
    browser.keys("1")  # the first image, which the other page has labeled since
    browser.wait(SAVED)
    browser.wait("return document.querySelector('#count').textContent.startsWith('2 of 6')")
    assert sorted(session.labels.values()) == ["cold", "warm"]
    browser.tab(second)
    shown = "return document.querySelector('.tile[data-row=\"{}\"] .chip')?.textContent"
    browser.keys("p")
    row = session.grouping.query[0]
    browser.wait(f"{shown.format(row)} === 'warm'")
    browser.close_tab(first)


def test_what_waits_survives_a_reload(page):
    browser, session = page
    submit, broken = session.submit, threading.Event()
    broken.set()

    def refuse(entry):
        if broken.is_set():
            raise OSError(28, "No space left on device")
        return submit(entry)

    session.submit = refuse
    browser.keys("1", "2")
    browser.wait("return document.querySelector('#offline').textContent.includes('No space')")
    url = browser.run("window.old = true; return location.href")
    browser.open(url)
    browser.wait("return !window.old && document.querySelector('#count').textContent !== ''")
    assert browser.run(COUNT) == "2 of 6 labeled"
    assert session.labels == {}
    broken.clear()
    browser.wait(SAVED)
    assert sorted(session.labels.values()) == ["cold", "warm"]
    browser.problems()  # the answers that said so


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_the_page_fits_and_every_control_has_a_name(page, width):
    browser, _ = page
    browser.resize(width, 700)
    browser.keys("1")
    for view in ("label", "names"):
        browser.wait(f"return !document.querySelector('#{view}-view').hidden")
        assert browser.run("return document.documentElement.scrollWidth") == width
        assert browser.run(
            "return [...document.querySelectorAll('main, header, footer')].every((x) => "
            "x.scrollWidth <= x.clientWidth && x.getBoundingClientRect().bottom <= innerHeight)"
        )
        assert browser.run(UNNAMED) == []
        browser.keys("v")


def test_fingers_and_mice(page):
    browser, session = page
    browser.resize(390, 700)
    browser.click("#asked .tile:nth-child(2)")
    assert browser.run(FOCUSED) == "red-1.png"
    browser.click("#classes .class:nth-child(2)")
    browser.wait(SAVED)
    assert list(session.labels.values()) == ["cold"]
    browser.click("#clusters li:nth-child(3) button")
    assert browser.run("return document.querySelector('#cluster-title').textContent") == "Cluster 2"
    browser.click("#undo-button")
    browser.wait("return document.querySelector('#count').textContent.startsWith('0 of 6')")
    assert browser.run(FOCUSED) == "red-1.png" and session.labels == {}
