"""A format, an export and a figure of a stranger's own: means as plain lines, and as bars."""

from clbench import ExportFormat, FigureKind, ReportFormat, hookimpl


class OneLine(ReportFormat):
    """The strategies by rank, a line each."""

    def render(self, comparison):
        return "\n".join(f"{row.rank} {row.strategy} {row.mean:.3f}" for row in comparison.summary)


class Seeds(ExportFormat):
    """Which seeds each strategy has."""

    def export(self, results):
        lines = [f"{cell.label}: {cell.seed.tolist()}\n" for cell in results.cells]
        return "".join(lines).encode()


class Bars(FigureKind):
    """The mean of each strategy as a bar."""

    def draw(self, comparison):
        from matplotlib.figure import Figure

        figure = Figure()
        rows = comparison.summary
        names = [row.strategy for row in rows]
        figure.subplots().bar(names, [row.mean for row in rows])
        return figure


@hookimpl
def clbench_report_formats():
    return [OneLine]


@hookimpl
def clbench_exports():
    return [Seeds]


@hookimpl
def clbench_figures():
    return [Bars]
