"""Stand-ins that Heuresis ships for its own tests and for yours: a local model server, a scripted model, contracts."""
