"""A red team for a problem: programs played through the real referee before a campaign is paid for."""
