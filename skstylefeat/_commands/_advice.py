"""Advice in errors, translated from parameters of Python to options of the command that ran."""

from __future__ import annotations

import argparse
import re

#: By parameter of Python: the option, and whether the value in the advice is the option's.
_OPTIONS = {
    "generator": ("--generator", True),
    "encoder": ("--encoder", True),
    "method": ("--method", True),
    "device": ("--device", True),
    "engine": ("--engine", True),
    "precision": ("--precision", True),
    "align": ("--align", True),
    "n_train_steps": ("--train-steps", True),
    "on_error": ("--skip-unreadable", False),
    "cache_dir": ("--cache", True),
    "random_state": ("--random-state", True),
    "kind": ("--load", True),
}
_ADVICE = re.compile(r"(?<![\w=.])(\w+)=('[^']*'|<\w+>|[\w.]+)")


def as_options(message: str, parser: argparse.ArgumentParser) -> str:
    """Return a message whose ``parameter=value`` is written as options of a parser.

    Parameters that are no option of this command stay as they are.

    Examples
    --------
    >>> import argparse
    >>> from skstylefeat._commands._advice import as_options
    >>> parser = argparse.ArgumentParser()
    >>> _ = parser.add_argument("--encoder")
    >>> as_options("give encoder=<file>, encoder='train' or method='optimize'.", parser)
    "give --encoder FILE, --encoder train or method='optimize'."
    """
    known = parser._option_string_actions

    def option(match: re.Match[str]) -> str:
        name, value = match.groups()
        flag, takes_value = _OPTIONS.get(name, ("", False))
        if flag not in known:
            return match[0]
        if not takes_value:
            return flag
        text = value[1:-1].upper() if value.startswith("<") else value.strip("'")
        return f"{flag} {text}"

    message = _ADVICE.sub(option, message)
    # Messages for both readers name the option in brackets, too.
    return re.sub(r"(--[\w-]+) \(the option \1\)", r"\1", message)
