"""The daily snapshot: every member with every account and their role on it."""

from __future__ import annotations

from sandbox.feeds.members import Account, Member
from sandbox.feeds.sheets import money
from sandbox.feeds.stage import Stage

HEADER = (
    "snapshot_date,member_number,member_type,member_status,member_since_date,birth_year,is_minor,"
    "is_employee,home_zip,branch_code,account_number,product_code,product_type,ownership_role,"
    "opened_date,closed_date,account_status,current_balance,available_balance,credit_limit,"
    "interest_rate"
)
NO_ACCOUNT = "," * 10
# With month ends only, the last days are written too.
LAST_DAYS = 7


def snapshot_days(stage: Stage) -> list[bool]:
    """Return by day whether its snapshot is written."""
    days = stage.calendar.days
    if not stage.plan.month_ends_only:
        return [day >= stage.plan.first for day in range(days)]
    chosen = {*stage.calendar.month_ends, *range(days - LAST_DAYS, days)}
    return [day in chosen and day >= stage.plan.first for day in range(days)]


def photograph(stage: Stage, household: list[Member], written: list[bool]) -> None:
    """Write the rows of a household's members on all days that are written."""
    days = stage.calendar.days
    for member in household:
        if not member.is_member or member.joined >= days:
            continue
        held = [account for account in member.accounts if account.begin < days]
        for account in held:
            _write(stage, member, account, written)
        if not held:
            _write(stage, member, None, written)


def _write(stage: Stage, member: Member, account: Account | None, written: list[bool]) -> None:
    """Write one member's rows for one account; text is built anew only when something changes."""
    lines, sums, iso = stage.snapshot.lines, stage.snapshot.cents, stage.calendar.iso
    days = stage.calendar.days
    begin = max(member.joined, account.begin if account else 0)
    turns = {member.end, *(day for day, _, _ in member.moves)}
    changes: dict[int, int] = account.changes if account else {}
    if account is not None:
        turns.add(account.end)
    points = sorted(day for day in {begin, *turns, *changes} if begin <= day < days)
    cents = account.balance if account else 0
    cents += sum(change for day, change in changes.items() if day < begin)
    left = right = ""
    for day, following in zip(points, [*points[1:], days], strict=True):
        if not left or day in turns:
            left, right = _parts(stage, member, account, day)
        cents += changes.get(day, 0)
        shown, balances = _balances(account, day, cents)
        tail = f"{left}{balances}{right}"
        for same in range(day, following):
            if written[same]:
                lines[same].append(iso[same] + tail)
                sums[same] += shown


def _balances(account: Account | None, day: int, cents: int) -> tuple[int, str]:
    """Return the cents that a row shows, and its two balances."""
    if account is None:
        return 0, ""
    if day >= account.end:
        cents = 0
    if account.is_deposit:
        return cents, f"{cents / 100:.2f},{max(cents, 0) / 100:.2f},"
    cents = max(cents, 0)
    available = f"{max(account.limit - cents, 0) / 100:.2f}" if account.limit else ""
    return cents, f"{cents / 100:.2f},{available},"


def _parts(stage: Stage, member: Member, account: Account | None, day: int) -> tuple[str, str]:
    """Return a row between its date and its balances, and after them."""
    left = f",{_member_part(member, day)}"
    if account is None:
        return left, f"{NO_ACCOUNT}\n"
    role = next(role for owner, role, _ in account.owners if owner is member)
    is_closed = day >= account.end
    closed = stage.calendar.text(account.end) if is_closed else ""
    status = "closed" if is_closed else "dormant" if account.is_dormant else "open"
    limit = money(account.limit) if account.limit else ""
    left += f"{account.number},{account.product.code},{account.kind},{role},{account.opened},"
    return f"{left}{closed},{status},", f"{limit},{account.product.rate:.6f}\n"


def _member_part(member: Member, day: int) -> str:
    status = member.fate if day >= member.end else "active"
    zip_code = member.zip_code
    for moved, _, new_zip in member.moves:
        if day >= moved:
            zip_code = new_zip
    kind = "business" if member.kind == "business" else "individual"
    flags = f"{str(member.kind == 'minor').lower()},{str(member.is_employee).lower()}"
    return (
        f"{member.number},{kind},{status},{member.since},{member.birth_year or ''},{flags},"
        f"{zip_code},{member.branch},"
    )
