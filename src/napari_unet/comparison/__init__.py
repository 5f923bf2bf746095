"""Networks compared on the user's own images: trained alike, tested on images they never saw."""
