"""What an audit of a stored program looks at: variations of its instances, its text, what it can do without."""
