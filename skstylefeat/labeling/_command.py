"""``python -m skstylefeat annotate``: prepare a session, write sheets, serve the page."""

import argparse
import contextlib
import hashlib
import json
import secrets
import webbrowser
from dataclasses import asdict, fields, replace
from pathlib import Path

from skstylefeat._utils._files import replace_file
from skstylefeat.labeling._folder import ImageFolder, read_file_labels
from skstylefeat.labeling._grouping import Grouping
from skstylefeat.labeling._journal import Journal
from skstylefeat.labeling._prepare import Preparation, enough_to_select, prepare
from skstylefeat.labeling._server import LabelingServer
from skstylefeat.labeling._session import Session
from skstylefeat.labeling._sheets import write_sheets
from skstylefeat.labeling._state import LabelState

DESCRIPTION = """\
Clusters the images of a folder, asks for the labels of a few of each cluster on a local page, and
names all the others. Every label is on disk before the page shows it as saved; stop at any time,
and the same command goes on where you were.
"""


def make_parser():
    """Return the parser of the command's arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m skstylefeat annotate",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", metavar="FOLDER", help="images, framed as the generator's")
    say = parser.add_argument_group("labels")
    say.add_argument("--classes", metavar="A,B,...", help="classes; the page can add others")
    say.add_argument("--labels", metavar="CSV", help="labels that exist: file names and classes")
    say.add_argument("--target", metavar="COLUMN", help="column of --labels (default: label)")
    say.add_argument(
        "--out", metavar="CSV", help="names of all images (default: names.csv in the --work folder)"
    )
    say.add_argument(
        "--work",
        metavar="DIR",
        help="folder that keeps the session (default: FOLDER.labeling, beside FOLDER)",
    )
    say.add_argument(
        "--sheets",
        metavar="DIR",
        help="write a contact sheet of each cluster, and a CSV to fill in",
    )
    how = parser.add_argument_group("clusters (a session that exists keeps its own)")
    # None leaves a setting to the session that exists, or else to the default of `Preparation`.
    default = Preparation()
    how.add_argument(
        "--generator", metavar="FILE", help=f"name or file (default: {default.generator})"
    )
    how.add_argument("--encoder", metavar="FILE|train", help="default: the generator's own")
    how.add_argument("--train-steps", type=int, metavar="N", help=f"default: {default.train_steps}")
    how.add_argument(
        "--features",
        choices=("maps", "selected", "codes"),
        help="maxima of all channels' maps, of the channels that --labels choose, or codes "
        "(default: selected where --labels holds two images each of two classes, else maps)",
    )
    how.add_argument("--n-clusters", type=int, metavar="K", help="default: 8, or by --n-labels")
    how.add_argument(
        "--n-annotations",
        type=int,
        metavar="N",
        help=f"labels asked for in each cluster (default: {default.n_annotations})",
    )
    how.add_argument("--n-labels", type=int, metavar="N", help="labels asked for in all")
    how.add_argument("--query", choices=("random", "central", "diverse"), help="default: random")
    how.add_argument("--random-state", type=int, metavar="SEED", help="default: 0")
    how.add_argument(
        "--recluster",
        action="store_true",
        help="make new clusters: for other settings, other images, or more labels; labels stay",
    )
    how.add_argument("--device", default="auto", help="torch device (default: the best)")
    page = parser.add_argument_group("page")
    page.add_argument(
        "--port", type=int, metavar="N", help="default: that of the last time, or any that is free"
    )
    page.add_argument("--no-browser", action="store_true", help="print the address only")
    page.add_argument("--no-page", action="store_true", help="write files and stop")
    page.add_argument("--quiet", action="store_true", help="show no progress")
    return parser


def run(arguments):
    """Run the command and return the exit status."""
    images = ImageFolder(arguments.folder)
    place = images.path.resolve()
    work = Path(arguments.work or place.with_name(place.name + ".labeling"))
    classes = _classes(arguments.classes)
    given, digest = _given_labels(arguments, images, classes)
    journal = Journal(work / "journal.jsonl")
    try:
        grouping = _grouping(arguments, images, work, given, journal)
        session = Session(images, grouping, work, arguments.out or work / "names.csv", journal)
        session.take_classes(classes)
        if given:
            session.take_labels(given, digest)
        if arguments.sheets:
            sheets = write_sheets(session, arguments.sheets)
            print(f"{len(sheets)} contact sheets and labels.csv: {arguments.sheets}")
        if not arguments.sheets and not arguments.no_page:
            _serve(session, work, arguments)
        _report(session)
    finally:
        journal.close()
    return 0


def _classes(text):
    return list(dict.fromkeys(name.strip() for name in (text or "").split(",") if name.strip()))


def _given_labels(arguments, images, classes):
    """Return the labels of --labels and the hash of the file."""
    if not arguments.labels:
        return {}, None
    labels = read_file_labels(arguments.labels, images, arguments.target)
    strange = sorted(set(labels.values()) - set(classes))
    if classes and strange:
        raise ValueError(
            f"{arguments.labels} holds the classes {strange}, which --classes {','.join(classes)} "
            "does not name. Correct the file, or name them, too."
        )
    content = json.dumps(sorted(labels.items())).encode()
    return labels, hashlib.sha256(content).hexdigest()


def _grouping(arguments, images, work, given, journal):
    """Return the clusters of the session that exists, or new ones."""
    known = None if arguments.recluster else Grouping.load(work)
    asked = {
        field.name: getattr(arguments, field.name)
        for field in fields(Preparation)
        if getattr(arguments, field.name) is not None
    }
    if known is not None:
        _check_same(known, asked, images, work)
        return known
    state = LabelState()
    for entry in journal.entries:
        state.apply(entry)
    labels = {**state.labels, **given}
    settings = Preparation(**asked)
    if arguments.features is None and enough_to_select(labels):
        settings = replace(settings, features="selected")
    verbose = int(not arguments.quiet)
    if verbose:
        print(f"{len(images)} images in {str(images.path)!r}", flush=True)
    grouping = prepare(
        images, settings, work, labels=labels, device=arguments.device, verbose=verbose
    )
    grouping.save(work)
    return grouping


def _check_same(known, asked, images, work):
    """Refuse other settings or other images than those of the session."""
    was = asdict(Preparation()) | known.settings
    other = [
        f"--{name.replace('_', '-')} {was[name]}"
        for name, value in asked.items()
        if value != was[name]
    ]
    if other:
        raise ValueError(
            f"The session in {str(work)!r} was made with {' '.join(other)}. Leave these settings "
            "out to go on with it; --recluster makes new clusters and keeps all labels; --work "
            "takes another folder."
        )
    before = {tuple(pair) for pair in known.files}
    now = set(zip(images.names, images.sizes, strict=True))
    if before != now:
        raise ValueError(
            f"The images in {str(images.path)!r} are not those of the session in {str(work)!r}: "
            f"{len(now - before)} are new or changed, {len(before - now)} are gone. --recluster "
            "makes new clusters and keeps the labels of images that are still there; --work takes "
            "another folder."
        )


def _serve(session, work, arguments):
    """Serve the page until somebody stops the command."""
    token, last_port = _address(work)
    server = None
    if arguments.port is None and last_port:
        # Another program may have it now.
        with contextlib.suppress(ValueError):
            server = LabelingServer(session, token, last_port)
    server = server or LabelingServer(session, token, arguments.port or 0)
    _keep_address(work, token, server.server_address[1])
    try:
        print(f"Label at {server.url} (Ctrl+C stops)", flush=True)
        if not arguments.no_browser:
            webbrowser.open(server.url)
        server.serve_forever()
    except KeyboardInterrupt:
        print()
    finally:
        server.server_close()


def _address(work):
    """Return the token and port of the last time, so that pages that are open find back."""
    try:
        known = json.loads((work / "address.json").read_text())
        return str(known["token"]), int(known["port"])
    except (OSError, ValueError, KeyError, TypeError):
        return secrets.token_urlsafe(16), 0


def _keep_address(work, token, port):
    content = json.dumps({"token": token, "port": port}).encode()
    # Who knows the token may label, so only its owner reads it.
    replace_file(work / "address.json", lambda file: file.write(content), mode=0o600)


def _report(session):
    print(f"{session.n_answered} of {session.n_asked} labels asked for: {session.labels_path}")
    if session.complete:
        print(f"Names of all {len(session.images)} images: {session.out}")
