"""What processes send to each other: messages, their framing, errors."""
