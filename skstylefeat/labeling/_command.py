"""The command ``python -m skstylefeat annotate``."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import secrets
import webbrowser
from dataclasses import asdict, fields, replace
from pathlib import Path

from skstylefeat._utils._files import replace_file
from skstylefeat.images._collection import as_images, error_of_faults, find_faults
from skstylefeat.labeling._folder import ImageFolder, read_file_labels
from skstylefeat.labeling._grouping import Grouping
from skstylefeat.labeling._label_store import LabelStore
from skstylefeat.labeling._prepare import Preparation, can_select_channels, prepare
from skstylefeat.labeling._server import LabelingServer
from skstylefeat.labeling._session import Session
from skstylefeat.labeling._sheets import write_sheets

DESCRIPTION = """\
Cluster the images of a folder, ask for the labels of a few images of each cluster on a local page,
and name all the others. Every label is on disk before the page shows it as saved. Stop at any
time; the same command resumes the session.
"""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command's arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m skstylefeat annotate",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", metavar="FOLDER", help="images, framed as the generator's")

    labels = parser.add_argument_group("labels")
    labels.add_argument("--classes", metavar="A,B,...", help="classes; the page can add others")
    labels.add_argument("--labels", metavar="CSV", help="known labels: file names and classes")
    labels.add_argument("--target", metavar="COLUMN", help="column of --labels (default: label)")
    labels.add_argument(
        "--out", metavar="CSV", help="names of all images (default: names.csv in the --work folder)"
    )
    labels.add_argument(
        "--work",
        metavar="DIR",
        help="folder that keeps the session (default: FOLDER.labeling, next to FOLDER)",
    )
    labels.add_argument(
        "--sheets",
        metavar="DIR",
        help="write a contact sheet of each cluster, and a CSV file to fill in",
    )

    # None leaves a setting to an existing session, or else to the default of `Preparation`.
    default = Preparation()
    clusters = parser.add_argument_group("clusters (an existing session keeps its settings)")
    clusters.add_argument(
        "--generator", metavar="FILE", help=f"name or file (default: {default.generator})"
    )
    clusters.add_argument(
        "--encoder", metavar="FILE|train", help="default: the encoder of the generator"
    )
    clusters.add_argument(
        "--train-steps", type=int, metavar="N", help=f"default: {default.train_steps}"
    )
    clusters.add_argument(
        "--features",
        choices=("maps", "selected", "codes"),
        help="maxima of all channels' maps, of the channels that --labels select, or codes "
        "(default: selected if --labels holds two images each of two classes, else maps)",
    )
    clusters.add_argument(
        "--n-clusters", type=int, metavar="K", help="default: 8, or derived from --n-labels"
    )
    clusters.add_argument(
        "--n-annotations",
        type=int,
        metavar="N",
        help=f"labels to ask for per cluster (default: {default.n_annotations})",
    )
    clusters.add_argument("--n-labels", type=int, metavar="N", help="labels to ask for in all")
    clusters.add_argument(
        "--query", choices=("random", "central", "diverse"), help=f"default: {default.query}"
    )
    clusters.add_argument(
        "--random-state", type=int, metavar="SEED", help=f"default: {default.random_state}"
    )
    clusters.add_argument(
        "--recluster",
        action="store_true",
        help="make new clusters, for other settings, other images or more labels; labels are kept",
    )
    clusters.add_argument(
        "--skip-unreadable",
        action="store_true",
        help="leave out images that cannot be read (default: stop and name them)",
    )
    clusters.add_argument("--device", default="auto", help="torch device (default: the best)")

    page = parser.add_argument_group("page")
    page.add_argument(
        "--port", type=int, metavar="N", help="default: that of the last time, or any free port"
    )
    page.add_argument("--no-browser", action="store_true", help="print the address only")
    page.add_argument("--no-page", action="store_true", help="write the files and stop")
    page.add_argument("--quiet", action="store_true", help="show no progress")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Run the command with the arguments of `make_parser`, and return the exit status.

    Raises
    ------
    ValueError, OSError
        The message names what is wrong with the arguments or files.
    """
    images = ImageFolder(arguments.folder)
    folder = images.path.resolve()
    work = Path(arguments.work or folder.with_name(folder.name + ".labeling"))
    classes = list(filter(None, map(str.strip, (arguments.classes or "").split(","))))
    given, digest = _given_labels(arguments, images, classes)

    store = LabelStore(work / "labels.sqlite")
    try:
        grouping = _load_or_prepare(arguments, images, work, {**store.labels, **given})
        images = _without_skipped(images, grouping)
        session = Session(images, grouping, store, arguments.out or work / "names.csv")
        session.define_classes(classes)
        if given:
            session.import_labels(given, digest)

        if arguments.sheets:
            sheets = write_sheets(session, arguments.sheets)
            print(f"{len(sheets)} contact sheets and labels.csv: {arguments.sheets}")
        elif not arguments.no_page:
            _serve(session, work, arguments)
        _report(session)
    finally:
        store.close()
    return 0


def _given_labels(arguments, images, classes):
    """Return the labels of --labels and a hash of them."""
    if not arguments.labels:
        return {}, ""
    labels = read_file_labels(arguments.labels, images, arguments.target)
    unknown = sorted(set(labels.values()) - set(classes))
    if classes and unknown:
        raise ValueError(
            f"{arguments.labels} holds the classes {unknown}, which are not in --classes "
            f"{','.join(classes)}. Correct the file, or add the classes to --classes."
        )
    content = json.dumps(sorted(labels.items())).encode()
    return labels, hashlib.sha256(content).hexdigest()


def _load_or_prepare(arguments, images, work, labels):
    """Return the clusters of the existing session, or new ones."""
    from skstylefeat.networks._base import resolve_device

    existing = None if arguments.recluster else Grouping.load(work)
    given = {
        field.name: getattr(arguments, field.name)
        for field in fields(Preparation)
        if getattr(arguments, field.name) is not None
    }
    if existing is not None:
        _check_same(existing, given, _without_skipped(images, existing), work)
        return existing

    resolve_device(arguments.device)  # raises before the images are read
    faults = find_faults(as_images(images.paths))
    if faults and not arguments.skip_unreadable:
        raise ValueError(
            f"{error_of_faults(faults, len(images))} Repair or remove such images, or leave them "
            "out with --skip-unreadable."
        )
    unreadable = [images.names[fault.row] for fault in faults]
    if len(unreadable) == len(images):
        raise ValueError(f"None of the images in {str(images.path)!r} can be read.")
    sizes = dict(zip(images.names, images.sizes, strict=True))
    images = images.without(unreadable)

    labels = {name: label for name, label in labels.items() if images.row(name) is not None}
    settings = Preparation(**given)
    if arguments.features is None and can_select_channels(labels):
        settings = replace(settings, features="selected")
    if not arguments.quiet:
        print(f"{len(images)} images in {str(images.path)!r}", flush=True)
    verbose = int(not arguments.quiet)
    grouping = prepare(
        images, settings, work, labels=labels, device=arguments.device, verbose=verbose
    )
    grouping.skipped = [[name, sizes[name]] for name in unreadable]
    grouping.save(work)
    return grouping


def _without_skipped(images: ImageFolder, grouping: Grouping) -> ImageFolder:
    """Return the folder without the images that were skipped and have not changed since."""
    skipped = {tuple(pair) for pair in grouping.skipped}
    here = zip(images.names, images.sizes, strict=True)
    return images.without([pair[0] for pair in here if pair in skipped])


def _check_same(existing, given, images, work):
    """Refuse settings or images other than those of the existing session."""
    settings = asdict(Preparation()) | existing.settings
    different = [
        f"--{name.replace('_', '-')} {settings[name]}"
        for name, value in given.items()
        if value != settings[name]
    ]
    if different:
        raise ValueError(
            f"The session in {str(work)!r} was made with {' '.join(different)}. Leave these "
            "options out to resume it; --recluster makes new clusters and keeps all labels; "
            "--work chooses another folder."
        )
    before = {tuple(pair) for pair in existing.files}
    now = set(zip(images.names, images.sizes, strict=True))
    if before != now:
        raise ValueError(
            f"The images in {str(images.path)!r} are not those of the session in {str(work)!r}: "
            f"{len(now - before)} are new or changed, {len(before - now)} are gone. --recluster "
            "makes new clusters and keeps the labels of images that are still there; --work "
            "chooses another folder."
        )


def _serve(session: Session, work: Path, arguments: argparse.Namespace) -> None:
    """Serve the page until the command is stopped. Its address is new at every start."""
    token = secrets.token_urlsafe(16)
    page_key, last_port = _load_page_key(work)
    server = None
    if arguments.port is None and last_port:
        # Another program may have taken the port since.
        with contextlib.suppress(ValueError):
            server = LabelingServer(session, token, page_key, last_port)
    server = server or LabelingServer(session, token, page_key, arguments.port or 0)
    known = json.dumps({"page_key": page_key, "port": server.server_address[1]})
    _write_private(work / "page.json", known)

    redirect = work / "open-page.html"
    try:
        print(f"Label at {server.url} (Ctrl+C stops)", flush=True)
        if not arguments.no_browser:
            _open_browser(server.url, redirect)
        server.serve_forever()
    except KeyboardInterrupt:
        print()
    finally:
        server.server_close()
        redirect.unlink(missing_ok=True)


def _open_browser(url: str, redirect: Path) -> None:
    """Open the page through a private file, because all users of a machine see command lines."""
    _write_private(
        redirect,
        f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={url}">'
        f'<title>Labeling</title><a href="{url}">Open the page</a>',
    )
    webbrowser.open(redirect.resolve().as_uri())


def _load_page_key(work: Path) -> tuple[str, int]:
    """Return the key by which open pages find the new address, and the last port or 0."""
    try:
        known = json.loads((work / "page.json").read_text())
        return str(known["page_key"]), int(known["port"])
    except (OSError, ValueError, KeyError, TypeError):
        return secrets.token_urlsafe(16), 0


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, since its secret gives access to the labels."""
    replace_file(path, lambda file: file.write(text.encode()), mode=0o600)


def _report(session: Session) -> None:
    skipped = [name for name, _ in session.grouping.skipped]
    if skipped:
        print(f"{len(skipped)} images were left out, as they cannot be read: {', '.join(skipped)}")
    print(f"{session.n_answered} of {session.n_asked} labels asked for: {session.labels_path}")
    if session.complete:
        print(f"Names of all {len(session.images)} images: {session.out}")
