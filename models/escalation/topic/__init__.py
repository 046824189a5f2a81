"""One topic on a hot board: does it enter the top 10 within 24 h (`board_top10`), is it still on the board after 12 h (`on_board`)?

For the road, one call; nothing but the shipped files is read:

    from models.escalation.topic.forecast import odds
    odds(sightings: pl.DataFrame, as_of: datetime, forecaster: TopicForecaster | None = None) -> pl.DataFrame

sightings: unit (any id, e.g. an event's), topic (its title or id), platform, observed_at (UTC), rank; where known also title, heat,
comments or answers, topic_id. Rows later than as_of are not read. Give every topic of a reading that was kept, not only those of
one event: what else stands on the board is half of what is known; boards kept in part are read as such.

-> unit, topic, platform, target, horizon_h (24.0 or 12.0), p: a row where the target can be asked: `board_top10` of topics not in
the top 10 now, `on_board` of topics on the board now. A unit's own p: the highest of its topics'.
ModelProblem (models.escalation.model) if no model is shipped.
"""
