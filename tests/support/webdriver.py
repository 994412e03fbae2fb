"""Chromium without a window, driven by selenium, for tests in a real browser."""

from __future__ import annotations

import shutil
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

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
WAIT_SECONDS = 60


def find_browser() -> tuple[str | None, str | None]:
    """Return the paths of a browser and its driver, each None if it is not installed."""
    browser, driver = (
        next(filter(None, map(shutil.which, names)), None) for names in (BROWSERS, DRIVERS)
    )
    return browser, driver


class Browser(webdriver.Chrome):
    """Chromium with a few methods for tests of a page that is used by keyboard.

    Parameters
    ----------
    browser, driver : str
        Paths of Chromium and its driver. Both are given, so selenium looks for none and downloads
        none.
    profile : path-like
        Empty folder for the files of the browser.
    """

    def __init__(self, browser: str, driver: str, profile: Path) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = browser
        for argument in (*ARGUMENTS, f"--user-data-dir={profile}"):
            options.add_argument(argument)
        super().__init__(options, webdriver.ChromeService(driver))

    def run(self, script: str, *arguments: object) -> object:
        """Run the body of a function in the page and return its result."""
        return self.execute_script(script, *arguments)

    def press(self, *keys: str) -> None:
        """Press and release keys one after the other, wherever the focus is."""
        webdriver.ActionChains(self).send_keys(*keys).perform()

    def click(self, selector: str) -> None:
        """Click the element that a CSS selector finds."""
        self.find_element(By.CSS_SELECTOR, selector).click()

    def wait(self, script: str, *arguments: object) -> object:
        """Wait until a script returns a true value, and return it."""
        return WebDriverWait(self, WAIT_SECONDS, 0.05).until(
            lambda _: self.run(script, *arguments), f"Waited for: {script} {arguments}"
        )

    def set_page_size(self, width: int, height: int) -> None:
        """Set the size of the page, which may be smaller than the smallest window."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def problems(self) -> list[str]:
        """Return the errors that the console has shown since the last call."""
        return [e["message"] for e in self.get_log("browser") if e["level"] == "SEVERE"]
