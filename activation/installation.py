"""Set up a state folder: keys and folders, each made once and never overwritten."""

from __future__ import annotations

from activation.ledger.log_keys import create_log_key
from activation.tokens import create_token_key
from tellerline.durable import make_folder
from tellerline.settings import Settings

LEDGER_KEY = "ledger.key"


def initialise(settings: Settings, origin: str) -> list[str]:
    """Make what is missing and return its names.

    The member key belongs to ingestion and is made by its own room.
    """
    made = []
    for folder in (settings.home, settings.landing, settings.approvals):
        if not folder.is_dir():
            make_folder(folder)
            made.append(folder.name)
    if not (settings.keys / LEDGER_KEY).exists():
        create_log_key(settings, origin)
        made.append(LEDGER_KEY)
    if create_token_key(settings):
        made.append("token.key")
    return made
