"""Zip archives as views of the mapped file: those of ``torch.save`` and ``numpy.savez``."""

import struct
import zipfile
import zlib

from skstylefeat.exceptions import CheckpointError

ZIP_HEAD = b"PK\x03\x04"
LOCAL_HEAD_BYTES = 30
MAX_ZIP_ENTRIES = 100_000
IS_ENCRYPTED = 1


class Archive:
    """The entries of a zip file.

    Parameters
    ----------
    data : memoryview of bytes
        The mapped file.
    file : file object
        The same file, for its directory.
    budget : Budget
        Pays for decompressed entries.

    Attributes
    ----------
    entries : dict of str to zipfile.ZipInfo
    """

    def __init__(self, data, file, budget):
        self.data = data
        self.budget = budget
        self.source = budget.source
        try:
            with zipfile.ZipFile(file) as archive:
                entries = archive.infolist()
        except (
            zipfile.BadZipFile,
            struct.error,
            EOFError,
            LookupError,
            NotImplementedError,
            OSError,
            OverflowError,
            ValueError,
        ) as error:
            raise CheckpointError(
                f"{self.source} is damaged: it starts like a zip file of torch.save or "
                f"numpy.savez, but {error}."
            ) from error
        if len(entries) > MAX_ZIP_ENTRIES:
            raise CheckpointError(
                f"{self.source} is damaged: its zip directory has {len(entries)} entries."
            )

        # Entries that share bytes would make a file count many times.
        entries.sort(key=lambda entry: entry.header_offset)
        end = 0
        for entry in entries:
            if entry.header_offset < end:
                raise CheckpointError(f"{self.source} is damaged: its zip entries overlap.")
            end = entry.header_offset + LOCAL_HEAD_BYTES + entry.compress_size
        self.entries = {entry.filename: entry for entry in entries}
        if len(self.entries) < len(entries):
            raise CheckpointError(f"{self.source} is damaged: two zip entries have one name.")

    def stored_bytes(self, name):
        """Return the bytes of an entry as the file holds them, and the entry."""
        entry = self.entries[name]
        head = self.data[entry.header_offset : entry.header_offset + LOCAL_HEAD_BYTES]
        if len(head) < LOCAL_HEAD_BYTES or bytes(head[:4]) != ZIP_HEAD:
            raise CheckpointError(f"{self.source} is damaged: the zip directory is wrong.")
        name_length, extra_length = struct.unpack("<HH", head[26:30])
        start = entry.header_offset + LOCAL_HEAD_BYTES + name_length + extra_length
        view = self.data[start : start + entry.compress_size]
        if len(view) != entry.compress_size:
            raise CheckpointError(f"{self.source} is damaged: it ends early.")
        return view, entry

    def view(self, name):
        """Return the bytes of an uncompressed entry, and a function that checks them."""
        view, entry = self.stored_bytes(name)
        is_plain = entry.compress_type == zipfile.ZIP_STORED and not entry.flag_bits & IS_ENCRYPTED
        if not is_plain or entry.file_size != entry.compress_size:
            raise CheckpointError(
                f"{self.source}: the entry {name[:80]!r} is compressed, which torch.save never "
                "does. Unpack the file and save it with torch.save."
            )
        return view, lambda: self.verify(view, entry)

    def read(self, name):
        """Return the checked bytes of an entry, decompressed where need be."""
        view, entry = self.stored_bytes(name)
        if entry.compress_type == zipfile.ZIP_DEFLATED and not entry.flag_bits & IS_ENCRYPTED:
            self.budget.unpack(entry.file_size)
            try:
                stream = zlib.decompressobj(-zlib.MAX_WBITS)
                view = memoryview(stream.decompress(view, entry.file_size + 1))
            except zlib.error as error:
                raise CheckpointError(
                    f"{self.source} is damaged: {name[:80]!r} cannot be unpacked ({error})."
                ) from error
            if len(view) != entry.file_size:
                raise CheckpointError(f"{self.source} is damaged: {name[:80]!r} is cut short.")
        else:
            view, _ = self.view(name)
        self.verify(view, entry)
        return view

    def verify(self, view, entry):
        """Raise CheckpointError if the checksum of an entry shows flipped bits."""
        if zlib.crc32(view) != entry.CRC:
            raise CheckpointError(
                f"{self.source} is damaged: the checksum of {entry.filename[:80]!r} differs. "
                "Download or copy the file again."
            )
