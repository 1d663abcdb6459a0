"""Business days by index, from 0: dates, load, seasons, banking days."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from itertools import accumulate
from typing import NamedTuple

# How much members do by day of the week (Monday first) and by month, against the mean.
WEEKDAY_LOAD = (0.92, 0.90, 0.93, 0.98, 1.13, 1.24, 0.98)
MONTH_LOAD = (0.93, 0.93, 0.98, 0.98, 1.00, 1.02, 1.04, 1.02, 0.97, 0.98, 1.07, 1.22)
SATURDAY = 5


# The calendar has a method of the type's name.
Date = date


class Month(NamedTuple):
    """A calendar month: the index of its first day (before 0 in the first month) and its length."""

    first: int
    length: int
    name: str


class Calendar:
    """The business days of one run; dates outside it are computed on demand."""

    def __init__(self, start: date, days: int) -> None:
        self.start = start
        self.days = days
        dates = [start + timedelta(days=day) for day in range(days)]
        self.iso = [day.isoformat() for day in dates]
        self.compact = [day.strftime("%Y%m%d") for day in dates]
        self.short = [day.strftime("%m/%d") for day in dates]
        self.digits = [day.strftime("%m%d%y") for day in dates]
        loads = (WEEKDAY_LOAD[day.weekday()] * MONTH_LOAD[day.month - 1] for day in dates)
        self.load = [0.0, *accumulate(loads)]
        self.even = [float(day) for day in range(days + 1)]
        self.season = [season(day) for day in dates]
        self.seasons = sorted(set(self.season) - {""})
        self.months = _months(start, days)
        self.month_ends = [
            month.first + month.length - 1
            for month in self.months
            if month.first + month.length <= days
        ]

    def date(self, day: int) -> Date:
        """Return the date of a day, also before the first and after the last."""
        return self.start + timedelta(days=day)

    def text(self, day: int) -> str:
        """Return the date of a day as YYYY-MM-DD."""
        return self.date(day).isoformat()

    def index(self, moment: Date) -> int:
        """Return the index of a date, negative before the first day."""
        return (moment - self.start).days

    def banking_day(self, day: int, step: int = 1) -> int:
        """Return `day`, or the next (`step` 1) or last (-1) one on which payments settle."""
        while not is_banking_day(self.date(day)):
            day += step
        return day


def _months(start: date, days: int) -> list[Month]:
    """Return the months that touch the days, and the one before, whose bills may slip into them."""
    first = (start.replace(day=1) - timedelta(days=1)).replace(day=1)
    months = []
    while (first - start).days < days:
        following = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
        months.append(Month((first - start).days, (following - first).days, first.isoformat()[:7]))
        first = following
    return months


def season(day: date) -> str:
    """Return what members buy for on a date, or the empty text."""
    if day.month in {6, 7} or (day.month == 8 and day.day <= 7):
        return "summer"
    if day.month == 8:
        return "school"
    if (day.month == 11 and day.day >= 18) or (day.month == 12 and day.day <= 24):
        return "holiday"
    return ""


@cache
def is_banking_day(day: date) -> bool:
    """Return whether the Federal Reserve settles payments on a date."""
    return day.weekday() < SATURDAY and day not in _holidays(day.year)


@cache
def _holidays(year: int) -> frozenset[date]:
    """Return the Federal Reserve's holidays: those on a Sunday are kept on Monday."""
    fixed = [date(year, 1, 1), date(year, 6, 19), date(year, 7, 4), date(year, 11, 11)]
    fixed.append(date(year, 12, 25))
    moved = [day + timedelta(days=1) if day.weekday() == SATURDAY + 1 else day for day in fixed]
    return frozenset(
        [
            *moved,
            weekday_of_month(year, 1, 0, 3),
            weekday_of_month(year, 2, 0, 3),
            weekday_of_month(year, 5, 0, 5)
            if weekday_of_month(year, 5, 0, 5).month == 5
            else weekday_of_month(year, 5, 0, 4),
            weekday_of_month(year, 9, 0, 1),
            weekday_of_month(year, 10, 0, 2),
            weekday_of_month(year, 11, 3, 4),
        ]
    )


def weekday_of_month(year: int, month: int, weekday: int, count: int) -> date:
    """Return the `count`-th `weekday` (Monday is 0) of a month; the fifth may lie in the next."""
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (count - 1))
