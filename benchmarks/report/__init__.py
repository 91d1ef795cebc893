"""From figures to files: results as JSON, tables as markdown, into the documentation."""
