"""One short name for several texts: another text, or another label, has another one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

LENGTH = 16  # hexadecimal digits


def digest_of(contents: Mapping[str, bytes]) -> str:
    """The digest of contents by their labels, whatever their order."""
    digest = hashlib.sha256()
    # Labels count: a file that is renamed may do something else.
    for label, content in sorted(contents.items()):
        # A NUL between: no name can run into the next content.
        digest.update(f"{label}\0".encode() + hashlib.sha256(content).digest())
    return digest.hexdigest()[:LENGTH]
