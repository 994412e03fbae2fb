"""The command ``python -m skstylefeat annotate``."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import secrets
import sys
import time
import webbrowser
from dataclasses import asdict, fields
from pathlib import Path

from skstylefeat._commands._arguments import add_reading_options, command_parser, positive
from skstylefeat._utils._files import replace_file
from skstylefeat._utils._label_tables import read_label_table
from skstylefeat.labeling._export import write_image_folder, write_model
from skstylefeat.labeling._folder import ImageFolder, read_file_labels
from skstylefeat.labeling._label_store import Attribute, LabelStore
from skstylefeat.labeling._prepare import Preparation, prepare
from skstylefeat.labeling._prepared import Prepared
from skstylefeat.labeling._server import LabelingServer
from skstylefeat.labeling._session import Session, estimate_text
from skstylefeat.labeling._sheets import write_sheets

DESCRIPTION = """\
Ask for the labels of a few images on a local page, and name all the others by them. Every label is
on disk before the page shows it as saved. Stop at any time; the same command resumes the session.
"""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command's arguments."""
    parser = command_parser("annotate", DESCRIPTION)
    parser.add_argument("folder", metavar="PHOTOS", help="folder or zip archive of images")
    # A former option, which scripts may still give.
    parser.add_argument("--features", help=argparse.SUPPRESS)

    labels = parser.add_argument_group("labels")
    labels.add_argument("--classes", metavar="A,B,...", help="classes; the page can add others")
    labels.add_argument(
        "--attributes",
        metavar="NAME=A,B;...",
        help="several questions in one session, such as 'glasses=with,without;age group=young,old'",
    )
    labels.add_argument(
        "--value",
        metavar="NAME",
        action="append",
        help="ask for a number, such as age in years; may be repeated, also with --attributes",
    )
    labels.add_argument("--labels", metavar="CSV", help="known labels: file names and labels")
    labels.add_argument(
        "--target",
        metavar="COLUMN",
        help="column of --labels (default: those called as the attributes; else label)",
    )
    labels.add_argument(
        "--out", metavar="CSV", help="names of all images (default: names.csv in the --work folder)"
    )
    labels.add_argument(
        "--export-folder",
        metavar="DIR",
        help="copy the images there, with metadata.csv, when the command ends",
    )
    labels.add_argument(
        "--export-model",
        metavar="DIR",
        help="fit a model to the labels, as the command fit does, when the command ends",
    )
    labels.add_argument(
        "--work",
        metavar="DIR",
        help="folder that keeps the session (default: PHOTOS.labeling, next to PHOTOS)",
    )
    labels.add_argument(
        "--sheets",
        metavar="DIR",
        help="write a contact sheet of each cluster, and a CSV file to fill in",
    )

    # None leaves a setting to an existing session, or else to the default of `Preparation`.
    default = Preparation()
    questions = parser.add_argument_group("questions (an existing session keeps its settings)")
    questions.add_argument(
        "--n-labels",
        type=positive,
        metavar="N",
        help=f"labels to ask for, for each attribute (default: {default.n_labels})",
    )
    questions.add_argument(
        "--n-clusters",
        type=positive,
        metavar="K",
        help="ask once, for images of K clusters of all features (default: the labels of a first "
        "round choose features, and a second round asks for what is unclear)",
    )
    questions.add_argument(
        "--n-annotations",
        type=positive,
        metavar="N",
        help=f"labels per cluster with --n-clusters (default: {default.n_annotations})",
    )
    questions.add_argument(
        "--query", choices=("random", "central", "diverse"), help=f"default: {default.query}"
    )
    questions.add_argument(
        "--random-state", type=int, metavar="SEED", help=f"default: {default.random_state}"
    )
    questions.add_argument(
        "--recluster",
        action="store_true",
        help="start the questions anew, for other settings or other images; labels are kept",
    )

    networks = parser.add_argument_group("images and networks (an existing session keeps these)")
    networks.add_argument(
        "--generator", metavar="FILE", help=f"name or file (default: {default.generator})"
    )
    networks.add_argument(
        "--encoder", metavar="FILE|train", help="default: the encoder of the generator"
    )
    networks.add_argument(
        "--train-steps", type=positive, metavar="N", help=f"default: {default.train_steps}"
    )
    networks.add_argument("--device", default="auto", help="torch device (default: the best)")
    add_reading_options(networks)

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
    start = time.monotonic()
    asked = attributes_of(arguments)
    if arguments.features:
        print("--features is not used any more: the labels choose the features.", file=sys.stderr)
    images = ImageFolder(arguments.folder)
    folder = images.path.resolve()
    work = Path(arguments.work or folder.with_name(folder.name + ".labeling"))
    given = _given_labels(arguments, images, asked)

    store = LabelStore(work / "labels.sqlite")
    try:
        prepared = _load_or_prepare(arguments, images, work)
        images = _without_skipped(images, prepared)
        session = Session(images, prepared, store, arguments.out or work / "names.csv")
        for attribute in asked:
            if attribute.name:
                session.define_attribute(*attribute)
        # Known labels come before the first questions, which they choose.
        for name, (labels, digest) in given.items():
            session.import_labels(labels, digest, name)
        for attribute, classes in asked.items():
            session.define_classes(classes, attribute.name)
        session.start()

        detail = f"after {time.monotonic() - start:.1f} s (once: {_steps(prepared)})"
        session.log.add("ready", n_images=len(images), detail=detail)
        if arguments.sheets:
            sheets = write_sheets(session, arguments.sheets)
            print(f"{len(sheets)} contact sheets and labels.csv: {arguments.sheets}")
        elif not arguments.no_page:
            _serve(session, work, arguments)
        _report(session)
        if arguments.export_model:
            verbose = int(not arguments.quiet)
            write_model(session, arguments.export_model, arguments.device, verbose)
            print(f"Model: {arguments.export_model}")
        if arguments.export_folder:
            count = write_image_folder(session, arguments.export_folder)
            print(f"{count} images and metadata.csv: {arguments.export_folder}")
    finally:
        store.close()
    return 0


def attributes_of(arguments: argparse.Namespace) -> dict[Attribute, list[str]]:
    """Return the classes of each attribute that the arguments define.

    Raises
    ------
    ValueError
        If ``--attributes`` cannot be read, or options contradict each other.
    """
    classes = list(filter(None, map(str.strip, (arguments.classes or "").split(","))))
    found: dict[Attribute, list[str]] = {}
    for part in filter(None, map(str.strip, (arguments.attributes or "").split(";"))):
        name, _, listed = part.partition("=")
        if not name.strip():
            raise ValueError(
                f"--attributes {arguments.attributes!r} cannot be read: write name=class,class and "
                "separate attributes by semicolons."
            )
        found[Attribute(name.strip())] = list(filter(None, map(str.strip, listed.split(","))))
    if found and classes:
        raise ValueError(
            "--classes belongs to one attribute without a name; --attributes has its "
            "own classes. Give one of them."
        )
    for name in arguments.value or []:
        found[Attribute(name.strip(), "number")] = []
    names = [attribute.name for attribute in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"The attributes {twice} occur twice. Give each of them once.")
    if classes or not found:
        return {Attribute(): classes} | found
    return found


def _given_labels(arguments, images, asked):
    """Return labels and a hash of them, by attribute, of --labels."""
    if not arguments.labels:
        return {}
    names = [attribute.name for attribute in asked]
    if names == [""]:
        targets = {"": arguments.target}
    elif arguments.target is not None:
        if arguments.target not in names:
            raise ValueError(
                f"--target {arguments.target!r} is none of the attributes {names}. Call the "
                "attribute like the column of its labels."
            )
        targets = {arguments.target: arguments.target}
    else:
        header = read_label_table(arguments.labels).header
        targets = {name: name for name in names if name and name in header}
        if not targets:
            raise ValueError(
                f"{arguments.labels} has no column that is called like an attribute: {names}. "
                "Choose one by --target."
            )

    given = {}
    for attribute, classes in asked.items():
        if attribute.name not in targets:
            continue
        labels = read_file_labels(arguments.labels, images, targets[attribute.name])
        unknown = sorted(set(labels.values()) - set(classes))
        if classes and unknown:
            raise ValueError(
                f"{arguments.labels} holds the classes {unknown}, which are not in --classes "
                f"{','.join(classes)}. Correct the file, or add the classes to --classes."
            )
        content = json.dumps([attribute.name, *sorted(labels.items())]).encode()
        given[attribute.name] = labels, hashlib.sha256(content).hexdigest()
    return given


def _load_or_prepare(arguments, images, work):
    """Return the features of the existing session, or new ones."""
    existing = None if arguments.recluster else Prepared.load(work)
    given = {
        field.name: getattr(arguments, field.name, None)
        for field in fields(Preparation)
        if getattr(arguments, field.name, None) is not None
    }
    if "box" in given:
        given["box"] = list(given["box"])
    if given.get("align") == "none":  # the default of the command
        del given["align"]
    if existing is not None:
        _check_same(existing, given, _without_skipped(images, existing), work)
        return existing

    settings = Preparation(**given)
    if not arguments.quiet:
        print(f"{len(images)} images in {str(images.path)!r}", flush=True)
    prepared = prepare(
        images,
        settings,
        work,
        skip_unreadable=arguments.skip_unreadable,
        device=arguments.device,
        verbose=int(not arguments.quiet),
    )
    different = len(set(prepared.originals))
    if settings.n_clusters is not None and settings.n_clusters > different:
        raise ValueError(
            f"{settings.n_clusters} clusters were asked for, but there are {different} different "
            "images. Set --n-clusters to at most this number."
        )
    prepared.save(work)
    if not arguments.quiet:
        print(_steps(prepared))
    return prepared


def _steps(prepared: Prepared) -> str:
    return ", ".join(f"{step} {took:.1f} s" for step, took in prepared.seconds.items())


def _without_skipped(images: ImageFolder, prepared: Prepared) -> ImageFolder:
    """Return the folder without the images that were skipped and have not changed since."""
    skipped = {tuple(pair) for pair in prepared.skipped}
    here = zip(images.names, images.sizes, strict=True)
    return images.without([pair[0] for pair in here if pair in skipped])


def _check_same(existing, given, images, work):
    """Refuse settings or images other than those of the existing session."""
    settings = asdict(Preparation()) | existing.settings
    # The filter has a default in the command, which is no wish of the user.
    different = [
        f"--{name.replace('_', '-')} {settings[name]}"
        for name, value in given.items()
        if value != settings[name] and (name, value) != ("filter", Preparation.filter)
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
    """Print what the session knows, warnings first."""
    skipped = [name for name, _ in session.prepared.skipped]
    if skipped:
        print(f"{len(skipped)} images were left out, as they cannot be read: {', '.join(skipped)}")
    foreign = session.prepared.foreign
    if foreign:
        print(
            f"{len(foreign)} of {len(session.images)} images look foreign to the generator, so "
            f"their names mean little, such as {next(iter(foreign))}"
        )
    copies = sum(row != original for row, original in enumerate(session.prepared.originals))
    if copies:
        print(f"{copies} images are copies of others, or nearly so; they share labels")
    print(f"{session.n_answered} of {session.n_asked} labels asked for: {session.labels_path}")
    for attribute in session.attributes:
        text = estimate_text(session.reading(attribute.name))
        if text:
            print(f"{attribute.name}: {text}" if attribute.name else text)
            session.log.add("estimate", attribute.name, detail=text)
    if session.complete and session.out.exists():
        print(f"Names of all {len(session.images)} images: {session.out}")
    summary = session.log.summary()
    if summary:
        print(summary)
        session.log.add("end", detail=summary)
