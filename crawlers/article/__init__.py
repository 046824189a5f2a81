"""A site's column and its articles: list pages to links, a page to a reading. Pure, no network."""
