"""What runs on several machines decide: which hosts there are, what they are sent, who runs what, what a loss means."""
