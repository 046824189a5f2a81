"""Closed sets of words: the English key stored in tables and the Chinese word PR reads.

A new category or reason is added here; the tests then name what else is missing (playbook entry, labels, replica page).
"""

SENTIMENTS = {"negative": "负面", "neutral": "中性", "positive": "正面"}

CATEGORIES = {
    "safety": "医疗质量与安全",
    "service": "服务投诉",
    "price": "收费与政策争议",
    "rumor": "网络谣言",
    "conflict": "医患冲突",
    "integrity": "行风与职业道德",
    "emergency": "突发事件",
    "praise": "正面",
    "other": "其他",
}

KINDS = {"post": "帖子", "comment": "评论", "repost": "转发", "article": "文章", "title": "热榜标题"}

AUTHOR_KINDS = {"personal": "个人", "media": "媒体", "government": "政务", "own": "本院账号"}

PRECISIONS = {"second": "秒", "minute": "分钟", "hour": "小时", "day": "天", "unknown": "未知"}

MENTION_STATUSES = {"confirmed": "已确认", "unconfirmed": "待确认"}

FETCH_REASONS = {
    "ok": "正常",
    "not_modified": "无更新",
    "empty_confirmed": "确认无内容",
    "login_wall": "被要求登录",
    "captcha": "遇到验证码",
    "blocked": "被拒绝访问",
    "robots_denied": "站点声明不允许采集",
    "format_changed": "页面格式已变",
    "error": "访问出错",
}
GOT_AN_ANSWER = ("ok", "not_modified", "empty_confirmed")  # the source spoke, even if it had nothing to say

COVERAGE_STATUSES = {"ok": "正常", "quiet": "偏少", "flood": "异常偏多", "mute": "无数据", "failed": "采集失败"}

QUARANTINE_REASONS = {
    "missing": "必填项为空",
    "not_in_set": "取值不在允许范围",
    "out_of_range": "数值超出范围",
    "bad_pattern": "格式不符",
    "mojibake": "乱码",
    "too_old": "时间过早",
    "in_future": "时间在未来",
    "too_long": "内容过长",
    "duplicate": "同批重复",
}

ARCHIVE_STATES = {"intact": "完好", "tampered": "已被改动", "missing": "缺失", "none": "未存档"}

OUTCOMES = {"yes": "已升级", "no": "未升级", "void": "无法判定"}

RESOLVE_RULES = {  # shape of forecasts.resolve_rule: what it says, and what expected_n counts
    r"board_top(\d+):(\d+)h": ("有帖文登上热榜前 {0} 位", "居前 {0} 位的小时数"),
    r"event_posts>=(\d+):(\d+)h": ("累计达到 {0} 帖", "累计帖数"),
}

VERDICTS = {"claimed": "已认领", "false_alarm": "误报", "regraded": "调整级别", "resolved": "已办结"}

PLATFORMS = {
    "weibo": "微博", "zhihu": "知乎", "baidu": "百度", "tieba": "贴吧", "douyin": "抖音", "kuaishou": "快手", "xhs": "小红书",
    "bilibili": "B站", "wechat": "微信公众号", "toutiao": "头条", "thepaper": "澎湃", "liuyan": "领导留言板", "mailbox": "政务信箱",
    "heimao": "黑猫投诉", "news": "新闻网站", "review": "就医评价", "import": "文件导入",
}  # fmt: skip

ARCHIVES = {  # sources `import:<key>` that no card describes: files of the shared data
    "hot_search": "微博热搜（存档）", "weibo_board": "微博榜单（存档）", "zhihu_board": "知乎热榜（存档）",
    "baidu_board": "百度热搜（存档）", "hospital_posts": "涉医帖文（存档）",
}  # fmt: skip
