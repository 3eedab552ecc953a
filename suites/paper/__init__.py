"""Suites that reproduce published figures."""
