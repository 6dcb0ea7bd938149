"""From a report in English to draft site and claim files for a person to correct. Offline, by rules, no guess unsaid.

``propose(text, load_gazetteer())`` reads, ``write_drafts(proposal, folder)`` writes; ``draft_from_article`` does both.
"""

from __future__ import annotations

from changedet.fromtext.article import Drafted, draft_from_article
from changedet.fromtext.assertions import Assertion
from changedet.fromtext.drafts import Origin, write_drafts
from changedet.fromtext.facilities import SiteProposal, Unresolved
from changedet.fromtext.gazetteer import Facility, Gazetteer, Town, load_gazetteer
from changedet.fromtext.proposal import ContextPlace, Proposal, propose

__all__ = [
    "Assertion",
    "ContextPlace",
    "Drafted",
    "Facility",
    "Gazetteer",
    "Origin",
    "Proposal",
    "SiteProposal",
    "Town",
    "Unresolved",
    "draft_from_article",
    "load_gazetteer",
    "propose",
    "write_drafts",
]
