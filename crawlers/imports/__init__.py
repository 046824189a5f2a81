"""People's exports and archives to the same items a crawl gives: docs/import.md."""
