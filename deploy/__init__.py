"""What brings the project onto machines, and the small programs that make parts of that."""
