"""The list of public networks: complete rows, readers that exist, and a page that is up to date."""

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
spec = importlib.util.spec_from_file_location("public_networks", DOCS / "public_networks.py")
directory = importlib.util.module_from_spec(spec)
spec.loader.exec_module(directory)

LIST = directory.read_list()
FAMILIES = directory.formats()
KEYS = {"domain", "content", "files", "family", "pixels", "license", "data"}


def test_the_page_is_up_to_date():
    page = directory.PAGE.read_text(encoding="utf-8")
    expected = directory.render(LIST, FAMILIES)
    assert directory.sections_of(page) == expected, "run python docs/public_networks.py"


@pytest.mark.parametrize("network", LIST["network"], ids=lambda network: network["files"])
def test_rows_are_complete(network):
    assert network.keys() - {"source", "listed"} == KEYS
    assert all(value and "|" not in value for value in network.values())
    # Either the publisher's page, or the list that names the network.
    assert ("source" in network) != ("listed" in network)
    where = network.get("source", network.get("listed"))
    assert LIST["sources"].get(where, where).startswith("https://")
    assert network["family"] in FAMILIES or network["family"] in directory.UNREAD
    # No license is more than the page says.
    license_ = network["license"]
    assert license_ in LIST["licenses"] or license_.startswith(("CC ", "GPL", "not stated"))


def test_domains_follow_each_other_and_licenses_are_used():
    domains = [network["domain"] for network in LIST["network"]]
    assert len(dict.fromkeys(domains)) >= 14
    blocks = [domain for i, domain in enumerate(domains) if domain != domains[i - 1]]
    assert len(blocks) == len(set(blocks))
    used = {network["license"] for network in LIST["network"]}
    assert LIST["licenses"].keys() <= used
    sources = {network.get("source", network.get("listed")) for network in LIST["network"]}
    assert LIST["sources"].keys() <= sources


def test_new_readers_take_the_place_of_the_notes():
    """A family that joins the table of formats appears in the page."""
    network = next(n for n in LIST["network"] if n["family"] == "stylegan3-rectangular")
    added = {**FAMILIES, "stylegan3-rectangular": FAMILIES["nvidia"]}
    assert directory.row(network, LIST, FAMILIES).endswith("not read |")
    assert directory.row(network, LIST, added).endswith(f"{FAMILIES['nvidia'].title} |")
