"""Networks on the Hugging Face hub: their addresses, and their files in the hub's cache.

An address is ``hf://OWNER/NAME@COMMIT/FILE``. Only the full hash of a commit is a revision, because
it always means the same files: branches such as "main" move, and tags can be moved. For a name,
the error gives the address with the commit to which the name leads at the moment.
"""

import os
import re
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from skstylefeat.exceptions import DownloadError

SCHEME = "hf://"
FORM = "hf://OWNER/NAME@COMMIT/FILE"
INSTALL = "pip install 'skstylefeat[hub]'"

# pathlib drops one of the slashes.
_BEGINNING = re.compile(r"hf:/+")
_WORD = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_ADDRESS = re.compile(rf"({_WORD}/{_WORD})(?:@([^@]*?))?/([^@]+)")
_COMMIT = re.compile(r"[0-9a-f]{40}")


class HubAddress(NamedTuple):
    """A file at a commit of a repository of the hub.

    Attributes
    ----------
    repository : str
        "OWNER/NAME".
    revision : str
        Hash of the commit, 40 hexadecimal digits.
    file : str
        Path in the repository.
    """

    repository: str
    revision: str
    file: str

    def __str__(self):
        return f"{SCHEME}{self.repository}@{self.revision}/{self.file}"

    @property
    def local_path(self):
        """Relative path at which the file is looked for in folders of weights."""
        return Path(self.repository + "@" + self.revision, *self.file.split("/"))


def is_hub_address(path):
    """Return whether a name or path is an address of the hub, well-formed or not."""
    return _BEGINNING.match(os.fspath(path)) is not None


def parse_address(path):
    """Return the `HubAddress` of a text or path.

    Raises
    ------
    ValueError
        If it is malformed, or its revision is not the hash of a commit. Where the hub can be
        asked, the message gives the address with the commit.
    """
    text = os.fspath(path).replace("\\", "/")
    found = _ADDRESS.fullmatch(_BEGINNING.sub("", text, count=1))
    parts = found[3].split("/") if found else []
    if not found or any(part in ("", ".", "..") for part in parts):
        raise ValueError(
            f"The address {text!r} should have the form {FORM}, such as "
            "hf://owner/name@0123456789abcdef0123456789abcdef01234567/network.pkl."
        )
    address = HubAddress(found[1], found[2] or "", found[3])
    if not _COMMIT.fullmatch(address.revision):
        raise ValueError(_advice_on_revision(address))
    return address


def download(address):
    """Return the path of a file in the hub's cache, downloaded if it is not there yet.

    Parameters
    ----------
    address : HubAddress

    Returns
    -------
    pathlib.Path

    Raises
    ------
    DownloadError
        If there is no such file, no access, or no network.
    ImportError
        If the package huggingface_hub is not installed.
    """
    hub = _hub(address)
    with _own_errors(address):
        return Path(
            hub.hf_hub_download(
                address.repository,
                address.file,
                revision=address.revision,
                library_name="skstylefeat",
            )
        )


def _hub(address):
    try:
        import huggingface_hub
    except ImportError as error:
        raise ImportError(
            f"{address} needs the package huggingface_hub: {INSTALL}. Or put the file into a "
            f"folder of $SKSTYLEFEAT_WEIGHTS, as {address.local_path.as_posix()}."
        ) from error
    return huggingface_hub


@contextmanager
def _own_errors(address):
    """Turn errors of the hub's package into `DownloadError`, with what to do."""
    from huggingface_hub import constants, errors

    page = f"{constants.ENDPOINT}/{address.repository}"
    try:
        yield
    except errors.GatedRepoError as error:
        reason = f"the publisher gives access on request. Ask for it on {page}, then {_LOGIN}"
        raise _refusal(address, reason) from error
    except errors.RepositoryNotFoundError as error:
        reason = (
            f"the hub knows no repository {address.repository!r}, or a private one. Compare the "
            f"name with {page}; for a private one, {_LOGIN}"
        )
        raise _refusal(address, reason) from error
    except errors.RevisionNotFoundError as error:
        reason = f"there is no such commit. {page}/commits/main lists them"
        raise _refusal(address, reason) from error
    except errors.LocalEntryNotFoundError as error:
        if isinstance(error.__cause__, errors.HfHubHTTPError):
            raise _refusal(address, _status_of(error.__cause__)) from error
        reason = (
            f"it is not in the cache {constants.HF_HUB_CACHE}, and the hub {constants.ENDPOINT} "
            "cannot be reached (no network, or HF_HUB_OFFLINE is set). Load it once where there "
            "is a network, and copy the cache, or put the file into a folder of "
            f"$SKSTYLEFEAT_WEIGHTS, as {address.local_path.as_posix()}"
        )
        raise _refusal(address, reason) from error
    except errors.EntryNotFoundError as error:
        tree = f"{page}/tree/{address.revision or 'main'}"
        reason = f"there is no file {address.file!r} at this commit. {tree} lists the files"
        raise _refusal(address, reason) from error
    except errors.HfHubHTTPError as error:
        raise _refusal(address, _status_of(error)) from error
    except DownloadError:
        raise
    except Exception as error:
        # The package lets errors of its HTTP library and of the disk pass.
        text = f"{type(error).__name__}: {error}".partition("\n")[0][:200]
        advice = "Check the network, the proxy and the space on the disk"
        raise _refusal(address, f"the download failed ({text}). {advice}") from error


_LOGIN = "log in with the command 'hf auth login', or set HF_TOKEN to a token that may read it"


def _status_of(error):
    status = error.response.status_code
    advice = _LOGIN if status in (401, 403) else "try again later"
    return f"the hub answers with status {status}; {advice}"


def _refusal(address, reason):
    return DownloadError(f"{address} cannot be loaded: {reason}.")


def _advice_on_revision(address):
    """Return the message for a revision that is missing or no commit."""
    if address.revision:
        problem = (
            f"the revision {address.revision!r} is not the full hash of a commit, and could mean "
            "other files tomorrow"
        )
    else:
        problem = "it names no revision"
    text = f"{SCHEME}{address.repository}{'@' * bool(address.revision)}{address.revision}"
    message = f"{text}/{address.file} is no fixed address: {problem}. "

    commit = None
    with suppress(DownloadError, ImportError):
        commit = _commit_of(address)
    if commit is None:
        return message + (
            f"Write {FORM}. The page https://huggingface.co/{address.repository}/commits/main "
            "lists the commits."
        )
    pinned = address._replace(revision=commit)
    return message + f"For the files of {address.revision or 'main'!r} as of now, write {pinned}"


def _commit_of(address):
    """Return the commit to which a branch, a tag or a short hash leads, as the hub says."""
    hub = _hub(address)
    with _own_errors(address):
        url = hub.hf_hub_url(address.repository, address.file, revision=address.revision or "main")
        return hub.get_hf_file_metadata(url).commit_hash
