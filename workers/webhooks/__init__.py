"""Terminal events on their way to ``callback_url``, as Standard Webhooks describes it."""
