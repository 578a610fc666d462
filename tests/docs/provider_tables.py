"""Writes the tables of gateway/providers/README.md anew: `make docs`."""

import re
from pathlib import Path

from gateway.providers.matrix import render_fates, render_features

PAGE = Path(__file__).parents[2] / "gateway" / "providers" / "README.md"


def with_tables(page: str) -> str:
    """Return a page with its tables as the code has them now."""
    for name, table in (("features", render_features()), ("fates", render_fates())):
        head = f"<!-- {name}: made by `make docs` -->\n"
        page = re.sub(
            re.escape(head) + r".*?<!-- end -->",
            f"{head}{table}<!-- end -->".replace("\\", r"\\"),
            page,
            flags=re.DOTALL,
        )
    return page


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
