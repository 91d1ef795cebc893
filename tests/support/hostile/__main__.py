"""Write the listing anew."""

from tests.support.hostile import LISTING, listing

LISTING.write_text(listing(), encoding="utf-8")
