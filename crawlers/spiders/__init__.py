"""One file a kind of source. A new kind: a file with the two hooks of `_source.Source`, a line here, its word in crawlers.card.KINDS."""

from crawlers.spiders._source import Source
from crawlers.spiders.article import Article
from crawlers.spiders.feed import Feed
from crawlers.spiders.liuyan import Liuyan
from crawlers.spiders.newsnow import Newsnow

SPIDERS: dict[str, type[Source]] = {"feed": Feed, "article": Article, "newsnow": Newsnow, "liuyan": Liuyan}
