"""The report: one page of what the stages found, with charts and heat maps."""
