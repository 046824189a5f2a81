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

STAGES = {
    "crawl": "采集",
    "land": "校验入库",
    "look_back": "回看",
    "resolve": "判定预测",
    "mention": "识别医院",
    "score": "阅读",
    "group": "归并事件",
    "forecast": "预测",
    "rank": "分级",
    "explain": "解释",
    "watch": "模型监测",
    "outlook": "未来一周",
    "publish": "发布",
    "record": "战绩",
    "shoot": "截图取证",
}
STOPPED = "系统在“{}”这一步停下了，需要数据工程师处理。请把下面这行原样转给他："

LABEL_HEADS = {"relevant": "相关", "sentiment": "情感", "category": "类别"}  # what people are asked about a text
RELEVANCE = {"relevant": "是", "irrelevant": "否"}
CATEGORY_MEANINGS = {
    "safety": "诊疗造成或疑似造成伤害：误诊漏诊、手术或用药差错、院内感染、死因有争议",
    "service": "就医体验：态度、沟通、排队挂号、推诿拒诊、隐私、环境设施",
    "price": "钱与政策：收费、过度检查、药价、医保、停诊撤并、医护欠薪",
    "rumor": "真假未明或已被辟谣的说法",
    "conflict": "针对医护的暴力、威胁、辱骂、医闹",
    "integrity": "医德与法纪：红包、贪腐、学术不端、骚扰、资质或宣传造假、非法行医",
    "emergency": "并非诊疗引起的突发：火灾、停电、坠楼、疫情、批量伤员",
    "praise": "感谢、救人、获奖、善举、技术突破",
    "other": "以上都不是；不相关的一律选它",
}
LABEL_RULES = (  # printed beside the texts; our own short version
    "相关：这段话在评价医院、医护或医疗体系吗？医院只是故事发生的地点、健康科普、个人看病流水账，选“否”。",
    "情感：作者对医疗一方的态度。反讽按真实意思判；转述指控而未澄清为负面；单纯通报、澄清为中性；不相关的按整段语气判。",
    "医护被打骂：类别选“医患冲突”，情感选中性（赞扬医护的选正面）；医护打骂别人：负面。",
    "类别：只选一个，选公关最先要处置的那一个；不相关的选“其他”。",
    "批评对象是政府部门而与医疗无关的，不相关；针对卫健、疾控、医保的，相关。",
    "拿不准就空着不填，不要猜。",
)

QUEUE_REASONS = {"uncertain": "模型拿不准", "disagreeing": "与相近帖判断不一", "new_words": "新词多", "random": "随机抽查"}

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

COVERAGE_STATUSES = {"ok": "正常", "quiet": "偏少", "flood": "异常偏多", "stale": "久无新帖", "mute": "无数据", "failed": "采集失败"}
COVERAGE_REASONS = {**FETCH_REASONS, "not_asked": "没有按时采集"}

CHECK_VERDICTS = {"pass": "通过", "warn": "提醒", "stop": "停止"}
TABLE_WORDS = {  # as a sentence of the gate calls a table
    "fetches": "采集记录", "posts": "帖文", "observations": "互动数", "mentions": "医院识别", "scores": "研判结果", "events": "事件",
    "event_posts": "事件归并", "forecasts": "预测", "warnings": "预警", "explanations": "判断依据", "drift": "模型监测",
    "coverage": "来源覆盖", "deliveries": "发送记录", "outcomes": "预测结果", "outlooks": "未来一周",
}  # fmt: skip
COLUMN_WORDS = {"text": "正文", "title": "标题", "published_at": "发布时间", "url": "链接"}  # those a rule of rules.yml names

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

QUARANTINE_ACTIONS = {"released": "已放行", "dropped": "已弃用"}

ARCHIVE_STATES = {"intact": "完好", "tampered": "已被改动", "missing": "缺失", "none": "未存档", "erased": "已按要求删除"}

ERASED_KINDS = {"post": "帖文", "author": "作者全部帖文", "url": "网址", "fetch": "原始答复"}

OUTCOMES = {"yes": "已升级", "no": "未升级", "void": "无法判定"}

TARGETS = {  # shape of forecasts.target: what is forecast
    r"escalation": "升级",
    r"level_(\d)": "达到 {0} 级的条件",
    r"reposts_(\d+)": "有帖文转发达到 {0}",
    r"board_top10": "进入热榜前 10 位",
    r"on_board": "仍在热榜",
}

AREA_KINDS = {"department": "科室", "category": "类别"}

USUAL_WORDS = {"more": "比平时多", "less": "比平时少", "same": "与平时相近", "unknown": "还不知道平时"}

RESOLVE_RULES = {  # shape of forecasts.resolve_rule: what it says, and what expected_n counts
    r"board_top(\d+):(\d+)h": ("有帖文登上热榜前 {0} 位", "居前 {0} 位的小时数"),
    r"event_posts>=(\d+):(\d+)h": ("累计达到 {0} 帖", "累计帖数"),
    r"level>=(\d):(\d+)h": ("达到 {0} 级或更严重级别的条件", "24 小时内最多帖数"),
    r"post_reposts>=(\d+):(\d+)h": ("有帖文被转发 {0} 次", "转发最多的一帖的转发数"),
    r"on_board:(\d+)h": ("{0} 小时后仍在热榜", "届时在榜的话题数"),
}

VERDICTS = {"claimed": "已认领", "false_alarm": "误报", "regraded": "调整级别", "resolved": "已办结"}

PLATFORMS = {
    "weibo": "微博", "zhihu": "知乎", "baidu": "百度", "tieba": "贴吧", "douyin": "抖音", "kuaishou": "快手", "xhs": "小红书",
    "bilibili": "B站", "wechat": "微信公众号", "channels": "视频号", "toutiao": "头条", "thepaper": "澎湃", "liuyan": "领导留言板",
    "mailbox": "政务信箱", "heimao": "黑猫投诉", "news": "新闻网站", "review": "就医评价", "import": "文件导入",
}  # fmt: skip

ARCHIVES = {  # sources `import:<key>` that no card describes: files of the shared data
    "hot_search": "微博热搜（存档）", "weibo_board": "微博榜单（存档）", "zhihu_board": "知乎热榜（存档）",
    "baidu_board": "百度热搜（存档）", "hospital_posts": "涉医帖文（存档）",
}  # fmt: skip

DRIFT_INPUTS = {
    "pieces_n": "文本长度", "unknown_share": "不认识的字占比", "code_share": "表情占比", "url_share": "链接占比", "platform": "平台构成",
    "kind": "文本类型构成",
}  # fmt: skip
DRIFT_OUTPUTS = {
    "relevant_p": "涉医可能性", "negative_p": "负面可能性", "neutral_p": "中性可能性", "positive_p": "正面可能性", "category": "类别构成",
    "category_p": "类别把握",
}  # fmt: skip
DRIFT_FEATURES = {**DRIFT_INPUTS, **DRIFT_OUTPUTS}  # what is watched of what comes in, and of what the model says of it

DRIFT_REFERENCES = {"own": "本单位最早读到的文本", "shipped": "训练时的验证文本", "none": "没有参照"}

DRIFT_STATUSES = {"stable": "稳定", "slight": "轻微变化", "marked": "明显变化", "few": "样本太少", "no_reference": "没有参照"}

READINGS = {  # head -> what it can decide, both in the classifier's order, as an explanation names it
    "relevant": {"irrelevant": "与医疗无关", "relevant": "与医疗有关"}, "sentiment": SENTIMENTS, "category": CATEGORIES,
}  # fmt: skip
