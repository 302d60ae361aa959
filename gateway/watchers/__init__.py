"""Everything that watches and never touches. A family: watchers read the bus, and import nothing else of us."""
