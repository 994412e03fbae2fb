"""Check that pyright knows the types of the public names: ``python .ci/types.py``.

pyright needs Node and a package from npm. Where these are missing, the check says so and passes.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
LEAST = 0.95


def main():
    """Raise SystemExit if pyright does not know enough types."""
    command = [sys.executable, "-m", "pyright", "--verifytypes", "skstylefeat"]
    # pyright looks for libraries where the first python on the path looks for them.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    with tempfile.TemporaryDirectory() as empty:
        try:
            done = subprocess.run(
                [*command, "--ignoreexternal", "--outputjson"],
                capture_output=True,
                text=True,
                cwd=empty,
                env=os.environ | {"PYTHONPATH": str(ROOT), "PATH": path},
                timeout=600,
            )
            found = json.loads(done.stdout[done.stdout.index("{") :])["typeCompleteness"]
        except (ValueError, KeyError, subprocess.TimeoutExpired) as error:
            print(f"#### pyright could not be run, types are NOT checked: {error}")
            return
    unknown = [
        symbol["name"]
        for symbol in found["symbols"]
        if symbol["isExported"] and not symbol["isTypeKnown"]
    ]
    print(f"pyright knows the types of {found['completenessScore']:.1%} of the public symbols")
    if found["completenessScore"] < LEAST:
        raise SystemExit("Not known: " + ", ".join(unknown))


if __name__ == "__main__":
    main()
