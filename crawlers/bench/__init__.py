"""`guanchao bench crawl`: what the crawlers are measured by. Nothing on the road imports it."""
