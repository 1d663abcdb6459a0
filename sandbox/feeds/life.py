"""Events of life: when they come, whatever the horizon, and who lives which life."""

from __future__ import annotations

from sandbox.feeds.members import Member
from sandbox.feeds.plan import NEVER
from sandbox.feeds.streams import Streams, day_after, pick
from sandbox.feeds.world import World

# event: mean years until it comes, from age, to age
EVENTS = {
    "move": (7.0, 19, 95),
    "new_child": (11.0, 22, 42),
    "new_job": (5.0, 20, 62),
    "job_loss": (14.0, 22, 62),
    "marriage": (14.0, 22, 45),
    "graduation": (4.0, 19, 26),
    "retirement": (9.0, 61, 70),
    "home_purchase": (13.0, 25, 65),
    "vehicle_purchase": (6.0, 19, 75),
}
LIFESTYLES = (
    "coffee_drinker", "golfer", "traveller", "gamer", "pet_owner", "fitness_fan", "diner",
    "home_improver", "online_shopper", "commuter", "ev_driver", "outdoors_fan", "beauty_fan",
    "concert_goer", "museum_patron", "fashion_fan",
)  # fmt: skip
# Weeks around an event are full of its purchases.
EVENT_DAYS = 45
# Most who close their membership let go of it before: the others leave from one day to the next.
LEAVING_SHARE = 0.75
LEAVING_DAYS = (40, 130)


def age_of(member: Member, year: int) -> int:
    """Return how old a person turns in `year`, 0 for a business."""
    return year - member.birth_year if member.birth_year else 0


def live(household: list[Member], streams: Streams, world: World, year: int) -> None:
    """Give each member their lifestyles and the days of their events of life."""
    adults = [member for member in household if member.kind == "adult"]
    has_minor = any(member.kind == "minor" for member in household)
    for member in household:
        stream = streams.of("life", member.key)
        if member.kind == "adult":
            chosen = {pick(stream, LIFESTYLES) for _ in range(1 + int(stream.random() * 3))}
            if has_minor:
                chosen.add("parent")
            member.tastes = tuple(sorted(chosen))
            age = age_of(member, year)
            for name, (years, youngest, oldest) in EVENTS.items():
                day = day_after(stream, 365 * years)
                if youngest <= age <= oldest:
                    member.life[name] = max(day, member.joined + 1)
            _let_go(member, streams)
        member.truth["lifestyles"] = list(member.tastes)
    for shared in ("move", "new_child", "home_purchase", "marriage"):
        if len(adults) == 2 and shared in adults[0].life:
            adults[1].life[shared] = adults[0].life[shared]
    for member in adults:
        if "home_purchase" in member.life and member.event("home_purchase") < member.event("move"):
            member.life["move"] = member.life["home_purchase"] + 12
    _move(household, streams, world)


def _let_go(member: Member, streams: Streams) -> None:
    """Decide from which day a member who will close uses what they have here no more."""
    stream = streams.of("leaving", member.key)
    leaves, share = stream.random() < LEAVING_SHARE, stream.random()
    if leaves and member.fate == "closed" and 0 < member.end < NEVER:
        shortest, longest = LEAVING_DAYS
        member.leaving = member.end - shortest - int(share * (longest - shortest))


def _move(household: list[Member], streams: Streams, world: World) -> None:
    """Let everyone who lives together move together."""
    adults = [member for member in household if member.kind == "adult"]
    if not adults or "move" not in adults[0].life:
        return
    stream = streams.of("move", household[0].household)
    place = pick(stream, world.places)
    zip_code = pick(stream, place.zips)
    for member in household:
        if member.kind != "business":
            member.life["move"] = adults[0].life["move"]
            member.moves.append((adults[0].life["move"], place, zip_code))
