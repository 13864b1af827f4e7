"""What is staged into the jail beside an adopted folder. Read as text; nothing of it is imported out here."""
