"""The one writer: transactions, states at hand, announcements by horizon. The same for every programme."""
