"""The floors below which nothing is claimed, each with its reason.

A claim is a sentence that says more than its numbers: that mood or a score *is rising*, that it
*is different* on a weekday or with a habit. Averages, shares and streaks are counts, not claims.
"""

from typing import Final

# Each of the three families of claims (trends, weekdays, habits with moods) may be wrong for this
# share of users whose data is random, however many pillars or habits they have (Holm's rule). Of
# 1,000 such users about 15 then read any claim; the simulations in the tests refuse 30.
FALSE_CLAIMS_PER_FAMILY: Final = 0.005
# In standard deviations of the user's own values. Half of one is about what people notice in
# themselves; with many days a smaller difference can be certain and still mean nothing.
SMALLEST_EFFECT: Final = 0.5

# An average of one or two days is those days.
MOOD_DAYS: Final = 3
# Two weeks of days with a mood, so that no single bad weekend makes the line.
MOOD_TREND_DAYS: Final = 14
# Scores come weekly rather than daily. Seven random values are in order once in 2,520 times; six
# once in 360, which is too often for a claim that may be wrong for one user in two hundred.
SCORE_TREND_VALUES: Final = 7
# Less than three weeks is a mood, not a trend.
TREND_SPAN_DAYS: Final = 21
# When neighbouring values resemble each other so much that fewer than this many independent ones
# remain, a line through them has nothing left to be tested against.
INDEPENDENT_VALUES: Final = 4.0

# Six weeks of that weekday: with fewer, a holiday and a cold decide.
WEEKDAY_DAYS: Final = 6
# Days with, and days without the habit, that have a mood: a week of each.
HABIT_MOOD_DAYS: Final = 7
# A share of less than a week says how it began, not how it goes.
HABIT_DAYS: Final = 7

# How many sentences of each sort are shown. Together 30: a page that a model reads at a glance.
MOST_HABIT_MOODS: Final = 6
MOST_WEEKDAYS: Final = 3
MOST_PILLARS: Final = 9
MOST_HABITS: Final = 11
