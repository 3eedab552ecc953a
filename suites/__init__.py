"""Suites to run, shipped with clbench: `clbench run split_digits`."""
