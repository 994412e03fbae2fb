"""Tables of public networks for the page public_networks.md, from public_networks.toml.

Run from the repository: ``python docs/public_networks.py`` writes them between the marks. A test
compares the page with the list, and the list with the formats that are read.
"""

import importlib.util
import re
import tomllib
from pathlib import Path

LIST = Path(__file__).with_name("public_networks.toml")
PAGE = Path(__file__).with_name("public_networks.md")

#: Families that the table of formats does not hold, and what to do.
UNREAD = {
    "stylegan3-rectangular": "not read",
    "style-based-gan-pytorch": "not read",
    "unknown": "ask `inspect`",
}
BEGIN, END = "<!-- networks: written by docs/public_networks.py -->", "<!-- end of networks -->"
HEADS = (
    "Images",
    "Network",
    "Pixels",
    "Published by",
    "License of the network",
    "Photos",
    "Read as",
)


def read_list():
    """Return the content of the list."""
    return tomllib.loads(LIST.read_text(encoding="utf-8"))


def formats():
    """Return the families of the table of formats by key."""
    path = Path(__file__).with_name("format_table.py")
    spec = importlib.util.spec_from_file_location("format_table", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.FAMILIES


def render(content, families):
    """Return the sections of the page, with their marks."""
    sections = {}
    for network in content["network"]:
        sections.setdefault(network["domain"], []).append(row(network, content, families))
    lines = [BEGIN, ""]
    for domain, rows in sections.items():
        head = ["| " + " | ".join(HEADS) + " |", "|---" * len(HEADS) + "|"]
        lines += [f"## {domain.capitalize()}", "", *head, *rows, ""]
    return "\n".join([*lines, END])


def sections_of(page):
    """Return what stands between the marks of a page, with them."""
    return re.search(rf"{re.escape(BEGIN)}.*?{re.escape(END)}", page, re.DOTALL)[0]


def row(network, content, families):
    """Return the row of a network."""
    family = network["family"]
    read_as = families[family].title if family in families else UNREAD[family]
    where = network.get("source") or network["listed"]
    address = content["sources"].get(where, where)
    name = re.sub(r"https://(github\.com|huggingface\.co)/|#.*|/blob/.*", "", address)
    cells = [
        network["content"],
        ", ".join(_code(word) for word in network["files"].split(", ")),
        network["pixels"],
        f"{'listed by ' if 'listed' in network else ''}[{name}]({address})",
        content["licenses"].get(network["license"], network["license"]),
        network["data"],
        read_as,
    ]
    return "| " + " | ".join(cells) + " |"


def _code(words):
    """Return names of files in the type of code."""
    return re.sub(r"[\w.-]+\.(?:pkl|pt)\b", lambda found: f"`{found[0]}`", words)


if __name__ == "__main__":
    before = PAGE.read_text(encoding="utf-8")
    after = before.replace(sections_of(before), render(read_list(), formats()))
    PAGE.write_text(after, encoding="utf-8")
