"""A small client of the W3C WebDriver protocol, for tests in a real browser."""

import base64
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DRIVERS = ("chromedriver", "chromium-driver")
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
LEFT, UP, RIGHT, DOWN, CONTROL = "\ue012", "\ue013", "\ue014", "\ue015", "\ue009"
ENTER, ESCAPE, DELETE = "\ue007", "\ue00c", "\ue017"
DRIVER_SECONDS = 120


def find_browser():
    """Return the paths of a browser and its driver; None stands for one that is missing."""
    return tuple(
        next(filter(None, map(shutil.which, names)), None) for names in (BROWSERS, DRIVERS)
    )


class Browser:
    """A headless browser with one session.

    Parameters
    ----------
    browser, driver : str
        Paths of Chromium and of its driver.
    profile : path-like
        Empty folder for the browser's own files.
    size : tuple of int
        Width and height of the window, in pixels.
    """

    def __init__(self, browser, driver, profile, size=(1280, 900)):
        self._driver = subprocess.Popen(
            [driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            self._url = f"http://127.0.0.1:{self._port()}"
            arguments = [
                *ARGUMENTS,
                f"--user-data-dir={profile}",
                f"--window-size={size[0]},{size[1]}",
            ]
            options = {"binary": browser, "args": arguments}
            wanted = {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}
            session = self._send("POST", "/session", {"capabilities": wanted})
            self._url += f"/session/{session['sessionId']}"
        except BaseException:
            self._end()
            raise

    def _port(self):
        for line in self._driver.stdout:
            found = re.search(r"started successfully on port (\d+)", line)
            if found:
                return int(found[1])
        raise RuntimeError("The browser's driver ended before it was ready.")

    def _send(self, method, path, body=None):
        data = None if method == "GET" else json.dumps(body or {}).encode()
        request = urllib.request.Request(
            self._url + path, data, {"Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=DRIVER_SECONDS) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            with error:
                raise RuntimeError(f"{path}: {json.load(error)['value']['message']}") from None

    def open(self, url):
        """Load a page."""
        self._send("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        """Run the body of a function in the page and return its result."""
        return self._send("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def keys(self, *keys):
        """Press and release keys, one after the other, wherever the focus is."""
        presses = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._act({"type": "key", "id": "keyboard", "actions": presses})

    def chord(self, held, key):
        """Press a key while another one is held down."""
        steps = [("keyDown", held), ("keyDown", key), ("keyUp", key), ("keyUp", held)]
        presses = [{"type": kind, "value": value} for kind, value in steps]
        self._act({"type": "key", "id": "keyboard", "actions": presses})

    def _act(self, source):
        self._send("POST", "/actions", {"actions": [source]})

    def click(self, selector):
        """Click the element that a CSS selector finds, where a person would."""
        found = self._send("POST", "/element", {"using": "css selector", "value": selector})
        self._send("POST", f"/element/{found[ELEMENT]}/click")

    def wait(self, script, *arguments, seconds=60):
        """Wait until a script returns something true, and return it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            value = self.run(script, *arguments)
            if value:
                return value
            time.sleep(0.05)
        raise AssertionError(f"The page did not come to: {script} {arguments}")

    def resize(self, width, height):
        """Set the size of the page, also below that of the smallest window."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        command = {"cmd": "Emulation.setDeviceMetricsOverride", "params": size}
        self._send("POST", "/goog/cdp/execute", command)

    def problems(self):
        """Return what the console said since the last call, as severe entries."""
        entries = self._send("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def tab(self, handle=None):
        """Go to a tab, or to a new one, and return its handle."""
        if handle is None:
            handle = self._send("POST", "/window/new", {"type": "tab"})["handle"]
        self._send("POST", "/window", {"handle": handle})
        return handle

    def close_tab(self, then):
        """Close the tab and go to another one."""
        self._send("DELETE", "/window")
        self.tab(then)

    @property
    def current_tab(self):
        """Handle of the tab."""
        return self._send("GET", "/window")

    def screenshot(self, path):
        """Write what the window shows as PNG."""
        path.write_bytes(base64.b64decode(self._send("GET", "/screenshot")))

    def close(self):
        """End the browser and its driver."""
        try:
            self._send("DELETE", "")
        finally:
            self._end()

    def _end(self):
        self._driver.kill()
        self._driver.wait()
        self._driver.stdout.close()
