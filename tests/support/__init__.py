"""What several tests need: projects with daemons, terminals, debuggers, values of any shape, known kinds of edits."""
