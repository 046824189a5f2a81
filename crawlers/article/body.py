"""The body of an article's page: trafilatura, on a tree from which we took the page's furniture.

Alone it took comments, lists of other articles or the site's footer along on 32 of the 62 real pages (tests/test_pages_real.py).
Chinese sites name their parts alike and end an article alike (责任编辑, 免责声明 …): what is named as furniture goes, the block that
holds the prose stays, and what follows the end goes. A small tree is also read five times faster.
"""

from __future__ import annotations

import re
from typing import TypeAlias

import lxml.etree
import lxml.html

from crawlers.article.page_parts import lines_of

SHARE_OF_MAIN = 0.75  # of the prose around it: a block that holds less is only a part of the article
SHARE_OF_NAMED_MAIN = 0.9  # the same inside a block that is named as the article
SHARE_OF_NAMED = 0.4  # of the page's prose: enough for a block that a CMS names as the article
SHARE_OF_FURNITURE = 0.5  # of the page's prose: a block that holds more is the article, whatever its name
LONGEST_CLAUSE = 50  # characters between two stops
LONGEST_END = 200
MOST_NODES = 8_000  # of an article; trafilatura takes minutes for ten times as many
ENOUGH = 150  # characters of prose an article has before a line may end it

_NO_TEXT = ("script", "style", "noscript", "template", "iframe", "svg", "select", "button", "textarea", "input", "nav", "footer", "aside")
_FURNITURE = re.compile(
    r"(?<![a-z])(?:comment|pinglun|gentie|tie-?area|repl(?:y|ies)|recommend|tuijian|relat(?:ed|ion)|xiangguan|hot-?(?:news|list|word|rank)|rank"
    r"|sidebar|aside|foot(?:er)?|copyright|nav(?:bar|igation)?|menu|crumbs?|breadcrumb\w*|share|toolbar|qr-?code|ewm|login|regist(?:er)?|popup|modal"
    r"|dialog|banner|advert\w*|ads?|friend-?links?|top-?bar|search|pagination|page-?nav|feedback|reward|subscribe|prev-?next)(?![a-z])",
    re.IGNORECASE,
)
_NAMED = re.compile(  # WeChat, 博达, TRS, WordPress and others
    r"(?<![a-z])(?:js_content|v_news_content|trs_editor|ucap-content|zoom|(?:article|art|news|entry|post|detail)[-_]?(?:content|body|text|con))(?![a-z])",
    re.IGNORECASE,
)
_END = re.compile(  # a hospital's own 郑重声明 is no end
    r"\W{0,3}(?:本?文?(?:责任编辑|责编|编辑)\s*[:：]|(?:特别|免责|版权)声明\s*[:：]?|相关(?:阅读|新闻|文章|链接|推荐|搜索|内容)"
    r"|(?:推荐|延伸|热门|精彩)[\s·]*(?:阅读|新闻|推荐|文章)|(?:网友|全部|最新|最热|热门)?评论(?:\W|$)|\d+\s*条评论|(?:文章)?关键[词字]\s*[:：>]"
    r"|打印本页|上一篇|下一篇|版权所有|Copyright|本文来源\s*[:：])",
    re.IGNORECASE,
)
_STOPS = re.compile("[，。；！？、：,;!?.]")
_IN_LINES = ("p", "span", "font", "strong", "b", "em", "a")

Node: TypeAlias = lxml.html.HtmlElement
Weights: TypeAlias = dict[Node, int]


def article_body(document: Node) -> str:
    """The text of the article, a line a paragraph, "" if none was found. The tree is used up.

    Where trafilatura leaves out more than half of the prose, or the block is huge, the block's own lines are the text.
    """
    import trafilatura  # a second of imports: only spiders that meet a page pay it

    lxml.etree.strip_elements(document, *_NO_TEXT, lxml.etree.Comment, lxml.etree.ProcessingInstruction, with_tail=False)
    _drop_furniture(document)
    main = _main(document)
    _drop_what_follows_the_end(main)
    weight = _weigh(main)[main]
    page = lxml.html.document_fromstring("<html><body><article></article></body></html>")
    main.tag, main.tail = "article", None
    page.body.replace(page.body[0], main)
    if sum(1 for _ in main.iter()) > MOST_NODES:
        return "\n".join(line.text for line in lines_of(main))
    text = trafilatura.extract(page, fast=True, include_comments=False, include_tables=True) or ""
    return text if 2 * len(text) >= weight else "\n".join(line.text for line in lines_of(main))


def _weigh(document: Node) -> Weights:
    """Characters of prose in every block; links weigh nothing."""
    weights: Weights = {}
    for node in reversed(list(document.iter())):
        weights[node] = 0 if node.tag == "a" else _prose(node.text) + sum(weights[child] + _prose(child.tail) for child in node)
    return weights


def _prose(text: str | None) -> int:
    """Characters that read like sentences: a menu or a heap of key words has no stops."""
    if not text or len(text) < 2:
        return 0
    said = text.strip()
    return min(len(said), LONGEST_CLAUSE * len(_STOPS.findall(said))) if said else 0


def _name(node: Node) -> str:
    return f"{node.get('class') or ''} {node.get('id') or ''}"


def _drop_furniture(document: Node) -> None:
    weights = _weigh(document)
    most = weights[document] * SHARE_OF_FURNITURE
    for node in list(document.iter("div", "ul", "ol", "dl", "section", "header", "table", "p", "span")):
        if weights[node] <= most and _FURNITURE.search(_name(node)) and node.getparent() is not None:
            node.drop_tree()


def _main(document: Node) -> Node:
    """The block that a CMS names as the article, or else the innermost that holds most of the page's prose."""
    weights = _weigh(document)
    least = weights[document] * SHARE_OF_NAMED
    named = [n for n in document.iter("div", "article", "section", "td") if weights[n] >= max(least, 1) and _is_named(n)]
    main = named[-1] if named else document.body if document.body is not None else document
    share = SHARE_OF_NAMED_MAIN if named else SHARE_OF_MAIN
    while len(main):
        inner = max(main, key=lambda child: weights[child])
        if inner.tag in _IN_LINES or weights[inner] < share * weights[main]:
            break
        main = inner
    return main


def _is_named(node: Node) -> bool:
    return node.get("itemprop") == "articleBody" or bool(_NAMED.search(_name(node)))


def _drop_what_follows_the_end(main: Node) -> None:
    """An article ends at its editor's name, a disclaimer, 相关阅读 … but not before it has begun."""
    weights, before = _weigh(main), 0
    enough = min(ENOUGH, weights[main] // 4)
    for event, node in lxml.etree.iterwalk(main, events=("start", "end")):
        if event == "end":
            before += _prose(node.tail)
            continue
        if node is not main and before >= enough and weights[node] < LONGEST_END:
            said = str(node.text_content()).strip()
            if len(said) < LONGEST_END and _END.match(said):
                _drop_from(main, node)
                return
        before += _prose(node.text)


def _drop_from(main: Node, node: Node) -> None:
    """Takes off the node and all that comes after it inside `main`."""
    parent = node.getparent()
    later = [node, *node.itersiblings()]
    while True:
        for each in later:
            parent.remove(each)
        if parent is main:
            return
        parent.tail, later = None, list(parent.itersiblings())
        parent = parent.getparent()
