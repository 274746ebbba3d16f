"""What was recorded, through a market of its own, into a database; and what each kind of file allows."""
