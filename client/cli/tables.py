"""How tables look."""

from rich.table import Table

_ID_WIDTH = 36


def plain_table(*columns: str) -> Table:
    """Columns without lines between them; where the terminal is too narrow, wide ones are cut, ids never."""
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, no_wrap=True, min_width=_ID_WIDTH if column == "job" else len(column))
    return table
