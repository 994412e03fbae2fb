"""Tests of the labeling page in a real browser, by keyboard, with a server that is killed."""

import re
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys

from skstylefeat.datasets import make_faces
from tests.support.labeling import open_session, read_csv, read_events, serving, write_squares
from tests.support.webdriver import Browser, find_browser

pytestmark = pytest.mark.browser

FOCUSED = "return document.activeElement.dataset.file"
SAVED = "return document.querySelector('#count').dataset.waiting === '0'"
READY = "return document.activeElement.classList.contains('tile')"
MARKUP = 'red-0<b title="x">&amp;.png'
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
    browser.quit()


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """200 rendered faces as files, and which of them wear glasses."""
    folder = tmp_path_factory.mktemp("session") / "faces"
    folder.mkdir()
    rendered = make_faces(200, random_state=7)
    truth = {}
    for number, (pixels, kind) in enumerate(
        zip(rendered.images, rendered.attributes["glasses"], strict=True)
    ):
        name = f"face-{number:03}.png"
        Image.fromarray(pixels).save(folder / name)
        truth[name] = "none" if kind == "none" else "glasses"
    return folder, truth


class Command:
    """The command in a separate process, always at the same port."""

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


def read_labels(work):
    return [(file, label) for kind, file, label in read_events(work) if kind == "label"]


def test_faces_are_labeled_by_keyboard_and_a_kill_loses_nothing(browser, faces, tmp_path):
    folder, truth = faces
    work = folder.parent / "faces.labeling"
    command = Command(folder, "--out", str(tmp_path / "names.csv"))
    options = ["--n-clusters", "10"]
    # Keys of the classes: 1 or o, and 2 or g.
    keys = {"none": "1o", "glasses": "2g"}
    try:
        url = command.start(*options, "--classes", "none,glasses", "--quiet")
        browser.get(url)
        browser.wait(READY)
        layout = browser.run("return fetch('layout').then((answer) => answer.json())")
        assert [len(cluster["asked"]) for cluster in layout["clusters"]] == [3] * 10
        assert len(layout["files"]) == 200
        order = [layout["files"][row] for c in layout["clusters"] for row in c["asked"]]

        for place, file in enumerate(order[:8]):
            assert browser.run(FOCUSED) == file
            browser.press(keys[truth[file]][place % 2])
        browser.wait(SAVED)
        assert browser.run(COUNT) == "8 of 30 labeled"

        # The server is killed while keys are pressed, soon after two more labels were saved.
        def kill_soon():
            while len(read_csv(work / "labels.csv")) < 10:
                time.sleep(0.001)
            command.process.kill()

        killer = threading.Thread(target=kill_soon)
        killer.start()
        for file in order[8:16]:
            browser.press(keys[truth[file]][0])
        killer.join()
        command.kill()
        browser.press(*(keys[truth[file]][0] for file in order[16:18]))
        browser.wait("return document.querySelector('#offline').textContent.includes('wait here')")
        assert 10 <= len(read_labels(work)) < 18  # some were acknowledged, some were not

        # The session resumes without any option. Its address has changed, and the page that is
        # still open moves there by itself.
        new_url = command.start()
        assert new_url != url and new_url.split("/")[2] == url.split("/")[2]
        browser.wait("return location.href === arguments[0]", new_url)
        browser.wait(SAVED)
        assert browser.run(COUNT) == "18 of 30 labeled"

        # Killed again, with the page closed: a new page resumes, and undo reaches back.
        command.kill()
        assert read_labels(work) == [(file, truth[file]) for file in order[:18]]
        browser.get("about:blank")
        browser.get(command.start())
        browser.wait(READY)
        assert browser.run(FOCUSED) == order[18]
        ActionChains(browser).key_down(Keys.CONTROL).send_keys("z").key_up(Keys.CONTROL).perform()
        browser.wait("return arguments[0] === document.activeElement.dataset.file", order[17])
        browser.press("z")
        browser.wait("return arguments[0] === document.activeElement.dataset.file", order[16])
        assert browser.run(COUNT) == "16 of 30 labeled"

        wrong = {"none": "2", "glasses": "1"}
        browser.press(wrong[truth[order[16]]], Keys.LEFT, keys[truth[order[16]]][0])
        for file in order[17:]:
            assert browser.run(FOCUSED) == file
            browser.press(keys[truth[file]][0])
        browser.wait("return !document.querySelector('#names-view').hidden")
        assert browser.run(COUNT) == "30 of 30 labeled"
        count = "return document.querySelectorAll('#names-view section:not(#doubts) {}').length"
        assert browser.run(count.format(".tile")) == 200
        assert browser.run(count.format(".labeled")) == 30
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
    """The page of squares; one file name looks like markup."""
    folder = write_squares(tmp_path / "squares")
    (folder / "red-0.png").rename(folder / MARKUP)
    session = open_session(tmp_path)
    session.define_classes(["warm", "cold"])
    with serving(session) as server:
        browser.set_page_size(1280, 900)
        browser.get(server.url)
        browser.wait(READY)
        browser.problems()
        yield browser, session
        browser.get("about:blank")
        # The driver does not wait for the answer to beforeunload, which the console reports.
        assert [text for text in browser.problems() if "beforeunload" not in text] == []
    session.close()


def test_keys(page):
    browser, session = page
    assert browser.run(FOCUSED) == MARKUP
    assert browser.run("return document.activeElement.querySelector('.file').textContent") == MARKUP
    browser.press(Keys.RIGHT)
    assert browser.run(FOCUSED) == "red-1.png"
    browser.press(Keys.DOWN)
    assert browser.run("return document.activeElement.closest('#others') !== null")
    browser.press(Keys.UP, Keys.LEFT, Keys.LEFT)
    assert browser.run(FOCUSED) == MARKUP
    title = "return document.querySelector('#cluster-title').textContent"
    browser.press("n", "n")
    assert browser.run(title) == "Cluster 2"
    browser.press("n", "p", "p")
    assert browser.run(title) == "Cluster 1"
    browser.press("n", "n", "w", "2", "w")  # to the first again; a letter, a digit
    browser.wait(SAVED)
    assert sorted(session.labels.values()) == ["cold", "warm", "warm"]
    browser.press(Keys.LEFT, Keys.DELETE, "p", Keys.DELETE)
    browser.wait("return document.querySelector('#count').textContent.startsWith('1 of 6')")
    browser.press("?")
    browser.wait("return document.querySelector('#help-dialog').open")
    browser.press("1")  # a dialog takes no labels
    browser.press(Keys.ESCAPE, " ")
    browser.wait("return document.querySelector('#picture').naturalWidth === 12")
    browser.press(Keys.ESCAPE, "v")
    browser.wait("return document.querySelectorAll('#names-view .tile').length === 12")
    browser.press("1")  # nor does the view of the names
    browser.click("#names-view section:nth-of-type(2) .tile:nth-child(3)")
    assert browser.run(title) == "Cluster 1" and browser.run(FOCUSED).startswith("green")
    assert len(session.labels) == 1


def test_new_classes_are_typed_and_markup_stays_text(page):
    browser, session = page
    browser.press("c", *"<i>1</i>", Keys.ENTER)
    button = "return document.querySelector('#classes .class:nth-child(3)')?.dataset.name"
    browser.wait(f"{button} === '<i>1</i>'")
    browser.press("3")
    browser.wait(SAVED)
    assert list(session.labels.values()) == ["<i>1</i>"]
    assert browser.run("return document.querySelectorAll('i, b').length") == 0
    browser.press("+", *"warm", Keys.ENTER)  # is there already
    browser.press("z", "z")
    browser.wait("return document.querySelectorAll('#classes .class').length === 2")
    assert session.labels == {}


def test_two_pages_lose_no_label(page):
    browser, session = page
    first = browser.current_window_handle
    url = browser.run("return location.href")
    browser.switch_to.new_window("tab")
    second = browser.current_window_handle
    browser.get(url)
    browser.wait(READY)
    browser.press("2", "2")
    browser.switch_to.window(first)
    browser.press("1")  # the first image, which the other page has labeled since
    browser.wait(SAVED)
    browser.wait("return document.querySelector('#count').textContent.startsWith('2 of 6')")
    assert sorted(session.labels.values()) == ["cold", "warm"]
    browser.switch_to.window(second)
    shown = "return document.querySelector('.tile[data-row=\"{}\"] .chip')?.textContent"
    browser.press("p")
    row = session.questions().query[0]
    browser.wait(f"{shown.format(row)} === 'warm'")
    browser.close()
    browser.switch_to.window(first)


def test_waiting_changes_survive_a_reload(page):
    browser, session = page
    save, broken = session.label, threading.Event()
    broken.set()

    def refuse(*change, **more):
        if broken.is_set():
            raise OSError(28, "No space left on device")
        return save(*change, **more)

    session.label = refuse
    browser.press("1", "2")
    browser.wait("return document.querySelector('#offline').textContent.includes('No space')")
    url = browser.run("window.old = true; return location.href")
    browser.get(url)
    browser.wait("return !window.old && document.querySelector('#count').textContent !== ''")
    assert browser.run(COUNT) == "2 of 6 labeled"
    assert session.labels == {}
    broken.clear()
    browser.wait(SAVED)
    assert sorted(session.labels.values()) == ["cold", "warm"]
    browser.problems()  # the console reports the refused requests


CHOSEN = "return [...document.querySelectorAll('.tile.chosen')].map((x) => x.dataset.file)"


def test_one_key_labels_several_images(page):
    browser, session = page
    ActionChains(browser).key_down(Keys.SHIFT).send_keys(Keys.RIGHT).key_up(Keys.SHIFT).perform()
    assert sorted(browser.run(CHOSEN)) == sorted([MARKUP, "red-1.png"])
    browser.press("1")
    browser.wait(SAVED)
    assert sorted(session.labels.values()) == ["warm"] * 2

    # A rectangle over the two large tiles of the second cluster, and one key.
    boxes = browser.run(
        "return [...document.querySelectorAll('#asked .tile')].map((x) => {"
        "const box = x.getBoundingClientRect(); return [box.left, box.top]; })"
    )
    mouse = ActionChains(browser, duration=50)
    pointer = mouse.w3c_actions.pointer_action
    pointer.move_to_location(int(boxes[0][0]) - 4, int(boxes[0][1]) + 9).pointer_down()
    pointer.move_to_location(int(boxes[1][0]) + 30, int(boxes[1][1]) + 40).pointer_up()
    mouse.perform()
    assert sorted(browser.run(CHOSEN)) == ["green-0.png", "green-1.png"]
    browser.press("u")  # unsure: no question is left here, and none has a label
    browser.wait(SAVED)
    assert len(session.labels) == 2 and len(session.unsure_of("")) == 2

    # The rest of the cluster, then one undo for all of it.
    browser.press("p", "p", "r")
    assert sorted(browser.run(CHOSEN)) == ["red-2.png", "red-3.png"]
    browser.press("2")
    browser.wait(SAVED)
    assert sorted(session.labels.values()) == ["cold", "cold", "warm", "warm"]
    browser.press("z")
    browser.wait("return !document.querySelector('#message').textContent.indexOf('Undone')")
    assert sorted(session.labels.values()) == ["warm"] * 2
    keys = [line.split("\t")[5] for line in session.log.path.read_text().splitlines()[1:]]
    assert keys == ["2", "1", "4", "1"]

    first, second = browser.find_elements("css selector", "#others .tile")
    ActionChains(browser).click(first).key_down(Keys.CONTROL).click(second).key_up(
        Keys.CONTROL
    ).perform()
    assert sorted(browser.run(CHOSEN)) == ["red-2.png", "red-3.png"]
    browser.press(Keys.ESCAPE)
    assert len(browser.run(CHOSEN)) == 1


def test_numbers_and_attributes_by_keyboard(browser, tmp_path):
    session = open_session(tmp_path, asked=None, settings={"n_labels": 6})
    session.define_attribute("kind")
    session.define_classes(["warm", "cold"], "kind")
    session.define_attribute("age", "number")
    session.start()
    with serving(session) as server:
        browser.set_page_size(390, 800)
        browser.get(server.url)
        browser.wait(READY)
        attribute = (
            "return document.querySelector('#attributes [aria-current=true]').dataset.attribute"
        )
        assert browser.run(attribute) == "kind"
        browser.press("a")
        browser.wait(f"{attribute} === 'age'")
        browser.wait(READY)
        file = browser.run(FOCUSED)
        browser.press(*"12a", Keys.ENTER)  # refused, and the field holds it again
        browser.wait("return document.querySelector('#message').classList.contains('error')")
        assert "'12a' is not a number" in browser.run(
            "return document.querySelector('#message').textContent"
        )
        assert browser.run("return document.querySelector('#number').value") == "12a"
        browser.press(Keys.BACKSPACE, *",5", Keys.ENTER)  # a decimal comma
        browser.wait(SAVED)
        assert session.labels_of("age") == {session.images.row(file): 12.5}
        browser.press("z")
        browser.wait("return document.querySelector('#count').textContent.startsWith('0 of 6')")

        for _ in range(6):
            color = browser.wait(FOCUSED).partition("-")[0]
            browser.press(*{"red": "10", "green": "20", "blue": "30"}[color], Keys.ENTER)
            browser.wait(SAVED)
            browser.wait(READY)
        # All numbers are given, so the page asks for the other attribute.
        browser.wait(f"{attribute} === 'kind'")
        assert len(session.labels_of("age")) == 6 and session.is_complete("age")
        browser.press("a")
        browser.wait("return document.querySelectorAll('#names-view .tile').length === 12")
        shown = browser.run(
            "return [...document.querySelectorAll('#names-view .chip')].map((x) => x.textContent)"
        )
        assert [float(x) for x in shown] == sorted(float(x) for x in shown)
        browser.press("x")
        browser.wait("return document.querySelector('#menu-dialog').open")
        browser.press(Keys.ESCAPE)
        browser.get("about:blank")
        browser.problems()  # the console reports the refused number
    session.close()


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_the_page_fits_and_every_control_has_a_name(page, width):
    browser, _ = page
    browser.set_page_size(width, 700)
    browser.press("1")
    for view in ("label", "names"):
        browser.wait(f"return !document.querySelector('#{view}-view').hidden")
        assert browser.run("return document.documentElement.scrollWidth") == width
        assert browser.run(
            "return [...document.querySelectorAll('main, header, footer')].every((x) => "
            "x.scrollWidth <= x.clientWidth && x.getBoundingClientRect().bottom <= innerHeight)"
        )
        assert browser.run(UNNAMED) == []
        browser.press("v")


def test_touch_and_mouse(page):
    browser, session = page
    browser.set_page_size(390, 700)
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
