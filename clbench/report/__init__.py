"""Reports: what was measured, for people."""
