"""One file a kind of source. A new kind: a file with the two hooks of `_source.Source`, a line here, its options in card_options.py."""

from crawlers.spiders._source import Source
from crawlers.spiders.article import Article
from crawlers.spiders.bridge import Bridge
from crawlers.spiders.feed import Feed
from crawlers.spiders.gov_mailbox import GovMailbox
from crawlers.spiders.hotboard import Hotboard
from crawlers.spiders.liuyan import Liuyan
from crawlers.spiders.newsnow import Newsnow
from crawlers.spiders.searxng import Searxng
from crawlers.spiders.warc import Warc

SPIDERS: dict[str, type[Source]] = {
    "feed": Feed,
    "article": Article,
    "newsnow": Newsnow,
    "hotboard": Hotboard,
    "liuyan": Liuyan,
    "gov_mailbox": GovMailbox,
    "searxng": Searxng,
    "bridge": Bridge,
    "warc": Warc,
}
