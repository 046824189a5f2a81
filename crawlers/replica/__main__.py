"""`python -m crawlers.replica --scenario lanhu --now 2026-03-10T08:30`"""

from crawlers.replica.site import main

main()
