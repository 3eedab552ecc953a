"""The built-in plugins: each one written as a stranger would write it, against `from clbench import
...` alone.
"""
