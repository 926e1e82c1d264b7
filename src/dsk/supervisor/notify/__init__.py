"""Messages about a job to people: chat services, webhooks, commands (decisions/0034)."""
