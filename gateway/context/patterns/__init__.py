"""What the days of a user show: trends, weekday effects, habits, and habits with moods. Pure.

The formulas, the floors and what is not claimed are in `README.md` beside this file.
"""
