"""`python -m clbench` is `clbench`."""

from __future__ import annotations

from clbench.cli import main

if __name__ == "__main__":
    main()
