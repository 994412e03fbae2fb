"""What has been said so far: classes and labels, told by a list of entries, and undo."""

import unicodedata

LONGEST_CLASS = 60
# Keys of the page; the letters of classes are chosen among the others.
RESERVED_LETTERS = "cnpvz"


class RefusedError(ValueError):
    """An entry that makes no sense as things stand; the message is for the person who labels."""


class LabelState:
    """Classes and labels as a list of entries has made them.

    The same entries in the same order always give the same state, so that a journal of them is
    all that has to be kept. Entries are dicts with an ``op``:

    - ``label``: ``file`` gets the class ``label``, or loses its label where that is None;
    - ``class``: a class called ``name`` is added;
    - ``undo``: the last entry of these two kinds that still stands is taken back;
    - ``classes``: the ``names`` given when the program was started; undo leaves them;
    - ``import``: the ``labels`` of a file (dict of file to class) of content hash ``digest``.

    Attributes
    ----------
    classes : list of str
        In the order in which they came.
    labels : dict of str to str
        Class by file.
    version : int
        Number of entries.
    imported : set of str
        Content hashes of the files whose labels were taken.
    """

    def __init__(self):
        self.classes = []
        self.labels = {}
        self.version = 0
        self.imported = set()
        self._ids = set()
        self._history = []

    def knows(self, entry):
        """Tell whether an entry has been taken before, and was sent again for want of an answer."""
        return entry.get("id") in self._ids

    def changes(self, entry):
        """Tell whether an entry says something new; wrong ones raise `RefusedError`."""
        op = entry["op"]
        if op == "undo":
            if not self._history:
                raise RefusedError("There is nothing to undo.")
            return True
        if op == "label":
            if entry["label"] is not None and entry["label"] not in self.classes:
                raise RefusedError(
                    f"{entry['label']!r} is no class; there are: {', '.join(self.classes) or '-'}."
                )
            return self.labels.get(entry["file"]) != entry["label"]
        if op == "class":
            return check_class(entry["name"]) not in self.classes
        if op == "classes":
            return any(check_class(name) not in self.classes for name in entry["names"])
        if op == "import":
            return entry["digest"] not in self.imported
        raise RefusedError(f"{op!r} is no operation.")

    def apply(self, entry):
        """Take an entry that `changes` has let pass, and return the file it is about, or None."""
        self.version += 1
        if entry.get("id") is not None:
            self._ids.add(entry["id"])
        file = entry.get("file")
        match entry["op"]:
            case "label":
                self._history.append((file, self.labels.get(file)))
                self._set(file, entry["label"])
            case "class":
                self._history.append((None, entry["name"]))
                self.classes.append(entry["name"])
            case "undo":
                file, before = self._history.pop()
                if file is None:
                    self._drop_class(before)
                else:
                    self._set(file, before)
            case "classes":
                self.classes += [name for name in entry["names"] if name not in self.classes]
            case "import":
                self.imported.add(entry["digest"])
                self.labels |= entry["labels"]
        return file

    @property
    def can_undo(self):
        """Whether there is something to undo."""
        return bool(self._history)

    def _set(self, file, label):
        if label is None:
            self.labels.pop(file, None)
        else:
            self.labels[file] = label

    def _drop_class(self, name):
        # A file of labels may have come in between and use the class.
        if name not in self.labels.values():
            self.classes.remove(name)


def check_class(name):
    """Return the name of a class, or raise `RefusedError` where it cannot be one."""
    if not isinstance(name, str) or not name.strip() or name != name.strip():
        raise RefusedError(f"{name!r} cannot be a class: give a text without blanks at its ends.")
    if len(name) > LONGEST_CLASS:
        raise RefusedError(f"{name[:20]!r}... is too long for a class: {LONGEST_CLASS} at most.")
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        raise RefusedError(f"{name!r} cannot be a class: it holds control characters.")
    return name


def class_keys(classes):
    """Return the keys that choose each class: a digit for the first nine, and a letter.

    Parameters
    ----------
    classes : list of str
        A letter is the first of the class's name that no earlier class has and the page does not
        use itself, else the first of the alphabet.

    Returns
    -------
    list of list of str
    """
    taken = set(RESERVED_LETTERS)
    keys = []
    for place, name in enumerate(classes, start=1):
        wished = [letter for letter in name.lower() if "a" <= letter <= "z"]
        letter = next((x for x in [*wished, *"abcdefghijklmnopqrstuvwxyz"] if x not in taken), None)
        taken.add(letter)
        keys.append([key for key in (str(place) if place <= 9 else None, letter) if key])
    return keys
