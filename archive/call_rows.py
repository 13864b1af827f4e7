"""Rows of calls to a model: opened before the request is sent, settled when it has ended. Takes an open connection."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec
from sqlalchemy import Connection, RowMapping, bindparam, func, insert, select, update

from heuresis.archive import codec, schema
from heuresis.archive.calls import Ask, Call, Fault, Reply
from heuresis.archive.records import Cost
from heuresis.archive.rows import put

_k, _p = schema.call.c, schema.proposal.c
_CALL = insert(schema.call)
_ATTEMPTS = select(func.count()).where(
    _k.campaign_id == bindparam("c"), _k.brief == bindparam("b"), _k.ask == bindparam("a")
)
_PLACE = select(_k.brief, _k.ask, _k.open).where(_k.id == bindparam("id"))
_REPLIES = (
    select(_k.ask, _k.reply)
    .where(_k.campaign_id == bindparam("c"), _k.brief == bindparam("b"), _k.reply.is_not(None))
    .order_by(_k.ask)
)
_FAULTS = select(_k.ask, _k.fault).where(
    _k.campaign_id == bindparam("c"), _k.brief == bindparam("b"), _k.fault.is_not(None)
)
_OPEN = select(schema.call).where(_k.campaign_id == bindparam("c"), _k.open.is_(True)).order_by(_k.id)
_PAGE = 200


def request_bytes(ask: Ask) -> bytes:
    """An ask, as kept."""
    return _json(ask)


def begin(
    connection: Connection, campaign: int, brief: int, ask_number: int, ask: Ask, request: int, model: str, cost: Cost
) -> int:
    """An open call; its number comes back."""
    attempt = connection.execute(_ATTEMPTS, {"c": campaign, "b": brief, "a": ask_number}).scalar_one()
    row = {
        "campaign_id": campaign, "brief": brief, "ask": ask_number, "attempt": attempt, "purpose": ask.purpose,
        "model": model, "open": True, "request_id": request, "raw": codec.pack_text(""),
        "reserved_usd": cost.usd, "reserved_tokens": cost.tokens, "usd": 0.0, "tokens": 0, "seconds": 0.0,
    }  # fmt: skip
    return put(connection, _CALL, row)


def end(
    connection: Connection,
    number: int,
    fault: Fault | None,
    reply: Reply | None,
    raw: str,
    cost: Cost,
    seconds: float,
    settled: int,
) -> tuple[int, int]:
    """Settle an open call; its brief and ask come back. Raises ValueError when it was settled before."""
    brief, ask, is_open = connection.execute(_PLACE, {"id": number}).one()
    if not is_open:
        raise ValueError(f"call {number} was settled before")
    row = {
        "open": False, "fault": None if fault is None else fault.value,
        "reply": None if reply is None else codec.squeeze(_json(reply)), "raw": codec.pack_text(raw),
        "usd": cost.usd, "tokens": cost.tokens, "seconds": seconds, "settled": settled,
    }  # fmt: skip
    connection.execute(update(schema.call).where(_k.id == number).values(row))
    return brief, ask


def replies(connection: Connection, campaign: int, brief: int) -> dict[int, Reply]:
    """Answered asks of a brief."""
    rows = connection.execute(_REPLIES, {"c": campaign, "b": brief})
    return {ask: _reply(packed) for ask, packed in rows}


def faults(connection: Connection, campaign: int, brief: int) -> list[tuple[int, Fault]]:
    """(ask, fault) of a brief's calls that gave nothing."""
    return [(ask, Fault(name)) for ask, name in connection.execute(_FAULTS, {"c": campaign, "b": brief})]


def unshared(connection: Connection, campaign: int, brief: int) -> Cost:
    """What a brief's calls have cost, less what its proposals bear already."""
    spent = select(func.sum(_k.usd), func.sum(_k.tokens), func.count()).where(
        _k.campaign_id == campaign, _k.brief == brief, _k.open.is_(False)
    )
    borne = select(func.sum(_p.usd), func.sum(_p.tokens), func.sum(_p.model_calls)).where(
        _p.campaign_id == campaign, _p.brief == brief
    )
    pairs = zip(connection.execute(spent).one(), connection.execute(borne).one(), strict=True)
    usd, tokens, calls = (max(0, (one or 0) - (other or 0)) for one, other in pairs)
    return Cost(float(usd), int(tokens), int(calls))


def open_calls(connection: Connection, campaign: int) -> list[Call]:
    """In flight, or lost with the driver that made them."""
    return [_call(row) for row in connection.execute(_OPEN, {"c": campaign}).mappings()]


def ask_of(connection: Connection, campaign: int, brief: int, ask: int) -> Ask | None:
    """What was asked."""
    query = select(schema.blob.c.data).join(schema.call, _k.request_id == schema.blob.c.id)
    query = query.where(_k.campaign_id == campaign, _k.brief == brief, _k.ask == ask).limit(1)
    data = connection.execute(query).scalar()
    return None if data is None else msgspec.convert(json.loads(codec.unsqueeze(data)), Ask)


def page(connection: Connection, campaign: int, after: int, limit: int = _PAGE) -> Iterator[Call]:
    """Calls by number, those after a number."""
    query = select(schema.call).where(_k.campaign_id == campaign, _k.id > after).order_by(_k.id).limit(limit)
    return iter([_call(row) for row in connection.execute(query).mappings()])


def _call(row: RowMapping) -> Call:
    return Call(
        number=row["id"],
        brief=row["brief"],
        ask=row["ask"],
        attempt=row["attempt"],
        purpose=row["purpose"],
        model=row["model"],
        open=row["open"],
        fault=None if row["fault"] is None else Fault(row["fault"]),
        reply=None if row["reply"] is None else _reply(row["reply"]),
        raw=codec.unpack_text(row["raw"]),
        reserved=Cost(row["reserved_usd"], row["reserved_tokens"], 1),
        spent=Cost(row["usd"], row["tokens"], 1),
        seconds=row["seconds"],
    )


def _reply(packed: bytes) -> Reply:
    return msgspec.convert(json.loads(codec.unsqueeze(packed)), Reply)


def _json(noun: Ask | Reply) -> bytes:
    """Of the standard library: a prompt or a reply may hold lone surrogates."""
    return json.dumps(msgspec.to_builtins(noun), separators=(",", ":")).encode()
