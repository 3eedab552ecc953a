"""The built-in plugins, each as a stranger would write it, against `from clbench import ...`."""
