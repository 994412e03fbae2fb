"""Command ``align``: photos cropped to their faces, framed as in FFHQ."""

import argparse
from typing import Any

from skstylefeat._commands._arguments import add_option, command_parser, folder, positive

ALIGN = """\
Crop photos to their faces as FFHQ was cut, by the 68 landmarks of dlib, and write PNG files of the
same names and a table, alignment.csv, of what was found in every photo. Run it again to resume.

It needs the extra "align": pip install 'skstylefeat[align]'. The landmark model was trained on
iBUG 300-W, whose terms allow research only.
"""
NAMED = 10  # photos that a list names


def make_align_parser() -> argparse.ArgumentParser:
    """Return the parser of ``align``."""
    parser = command_parser("align", ALIGN)
    parser.add_argument("photos", metavar="PHOTOS", help="folder or zip of photos")
    parser.add_argument(
        "--out", metavar="FOLDER", type=folder, required=True, help="folder of the aligned faces"
    )
    parser.add_argument(
        "--generator",
        metavar="FILE",
        help="frame the faces as this generator does, bundled name or file (default: as FFHQ)",
    )

    add_option(parser, "--size", "N", 256, "side of the pictures in pixels", type=positive)
    text = "faces of a photo that are written; each gets a number"
    add_option(parser, "--faces", None, "largest", text, choices=("largest", "each"))
    text = "smallest side of a face's square in the photo; smaller faces are not written"
    add_option(parser, "--min-size", "PX", 64, text, type=positive)
    parser.add_argument(
        "--upsample",
        action="store_true",
        help="find faces of half the size, too, in four times the time",
    )

    parser.add_argument(
        "--skip-unreadable",
        action="store_true",
        help="accept photos that cannot be read (default: name them and end with an error)",
    )
    add_option(parser, "--jobs", "N", 1, "photos processed in parallel", type=positive)
    parser.add_argument("--quiet", action="store_true", help="print the summary only")
    return parser


def run_align(arguments: argparse.Namespace) -> int:
    """Write the folder and print a summary."""
    from skstylefeat.images._aligned_folder import TABLE, AlignmentSettings, align_folder
    from skstylefeat.images._face_report import summary_of
    from skstylefeat.images._image_files import left_out_text

    settings = AlignmentSettings(
        size=arguments.size,
        faces=arguments.faces,
        min_size=arguments.min_size,
        upsample=arguments.upsample,
        framing=_framing_of(arguments.generator),
    )
    result = align_folder(
        arguments.photos,
        arguments.out,
        settings,
        n_jobs=arguments.jobs,
        verbose=not arguments.quiet,
    )

    # The summary comes first, then the photos that need a look.
    print(summary_of(result.statuses).replace("images", "photos"))
    n_written = sum(bool(row["output"]) for row in result.rows)
    resumed = f", {result.n_resumed} photos done before" if result.n_resumed else ""
    print(f"{n_written} faces in {arguments.out}, table in {arguments.out / TABLE}{resumed}")
    small = f"smaller than --min-size {arguments.min_size}, not written"
    lists = {"no face": "not written", "small": small, "turned": "check these pictures"}
    lists |= {"several": "the largest was taken; --faces each takes all"}
    for status, text in lists.items():
        if files := result.files(status):
            print(f"{status} ({text}): {_some(files)}")
    if result.left_out:
        print(left_out_text(result.left_out))

    unreadable = [row for row in result.rows if row["status"] == "unreadable"]
    for row in unreadable[:NAMED]:
        print(f"unreadable: {row['message']}")
    if unreadable and not arguments.skip_unreadable:
        raise ValueError(
            f"{len(unreadable)} of {len(result.statuses)} photos cannot be read; all others are "
            "done. Repair or remove these, or accept that with --skip-unreadable."
        )
    if not n_written:
        raise ValueError(
            f"No face of the {len(result.statuses)} photos was written. --upsample finds smaller "
            "faces, --min-size sets which are written."
        )
    return 0


def _framing_of(generator: str | None) -> Any:
    """Return the framing of a generator, FFHQ's for None."""
    from skstylefeat.images._alignment import FaceFraming

    if generator is None:
        return FaceFraming()
    from skstylefeat.inversion._face_framing import face_framing
    from skstylefeat.networks._loading import load_generator

    return face_framing(load_generator(generator), batch_size=16)


def _some(names: list[str]) -> str:
    more = f", and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
