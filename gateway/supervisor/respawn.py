"""When a dead child is started again, and when it is given up. Pure: time is an argument."""

STEADY_S = 10.0
"""A child that lived this long was well; its death starts a new count."""

MOST_EARLY_DEATHS = 6
LONGEST_REST_S = 8.0


class Respawn:
    """Counts the early deaths in a row of one child."""

    def __init__(self) -> None:
        self.early_deaths = 0

    def died(self, lived_s: float, *, forgivable: bool = False) -> float | None:
        """Return the seconds to rest before the next start, None to give up.

        `forgivable` deaths (surroundings that are wrong now and may be mended: the configuration
        file, the store) rest like others and are never given up.
        """
        if lived_s >= STEADY_S:
            self.early_deaths = 0
        self.early_deaths += 1
        if self.early_deaths >= MOST_EARLY_DEATHS and not forgivable:
            return None
        if self.early_deaths == 1:
            return 0.0
        rest_s: float = 0.25 * 2 ** min(self.early_deaths - 2, 10)
        return min(rest_s, LONGEST_REST_S)
