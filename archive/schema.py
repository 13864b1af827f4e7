"""The tables. SQLAlchemy Core only, nothing here belongs to one database.

Order is `entry.sequence`, the commit order; no query orders by a time. Hashes are 32 raw bytes. Free text is packed
(`codec.pack_text`), so that 20,000 programs stay small and any string survives, lone surrogates and NUL included.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    text,
)

VERSION = 4
"""Of this file. An older store is upgraded when it is opened, a newer one refused with a sentence."""

metadata = MetaData()


def _id() -> Column[int]:
    return Column("id", Integer, primary_key=True)


def _of(table: str, *, primary_key: bool = False, nullable: bool = False) -> Column[int]:
    key = ForeignKey(f"{table}.id")
    return Column(f"{table}_id", Integer, key, primary_key=primary_key, nullable=nullable and not primary_key)


meta = Table(
    "meta",
    metadata,
    Column("key", String, primary_key=True),
    Column("value", String, nullable=False),
)

campaign = Table(
    "campaign",
    metadata,
    _id(),
    Column("name", String, nullable=False, unique=True),
    Column("problem", String, nullable=False),
    Column("problem_hash", String, nullable=False),
    Column("method", String, nullable=False),
    Column("config", String, nullable=False),  # JSON
    Column("seed", String, nullable=False),  # decimal: a seed may have more than 64 bits
    Column("secret", LargeBinary, nullable=False),
    Column("isolation", String, nullable=False),
    Column("created", String, nullable=False),
    Column("finished", String, nullable=False),
    Column("lease_owner", String),
    Column("lease_expires", Float),
    Column("marks", LargeBinary),
)

total = Table(
    "total",
    metadata,
    _of("campaign", primary_key=True),
    Column("entries", Integer, nullable=False),
    Column("evaluated", Integer, nullable=False),
    Column("by_status", LargeBinary, nullable=False),
    Column("wall_seconds", Float, nullable=False),
    Column("cpu_seconds", Float, nullable=False),
    Column("active_seconds", Float, nullable=False),
    Column("usd", Float, nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("briefs", Integer, nullable=False),
    Column("calls", Integer, nullable=False, server_default="0"),
    Column("faults", LargeBinary, nullable=False, server_default=text("x'0080'")),  # fault -> calls; an empty map
    Column("logged", Integer, nullable=False, server_default="0"),
    Column("views_version", Integer, nullable=False),  # grows whenever a member row of the campaign changes
)

brief = Table(
    "brief",
    metadata,
    _of("campaign", primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("closed", Boolean, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("brief_open", "campaign_id", "closed", "number"),
)

blob = Table(
    "blob",
    metadata,
    _id(),
    Column("hash", LargeBinary, nullable=False, unique=True),  # SHA-256 of the content, not of the zlib stream
    Column("data", LargeBinary, nullable=False),
)

program = Table(
    "program",
    metadata,
    _id(),
    Column("hash", LargeBinary, nullable=False, unique=True),  # Program.id
)

file = Table(
    "file",
    metadata,
    _of("program", primary_key=True),
    Column("path", LargeBinary, primary_key=True),
    _of("blob"),
)

proposal = Table(
    "proposal",
    metadata,
    _id(),
    Column("campaign_id", Integer, nullable=False),
    Column("brief", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    _of("program", nullable=True),
    Column("normal", String),  # hash of the normal form; what duplicate detection looks up
    Column("operator", String, nullable=False),
    Column("model", String, nullable=False),
    Column("idea", LargeBinary, nullable=False),
    Column("refusal", LargeBinary, nullable=False),
    Column("prompt", LargeBinary, nullable=False),
    Column("reply", LargeBinary, nullable=False),
    Column("usd", Float, nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("model_calls", Integer, nullable=False),
    ForeignKeyConstraint(["campaign_id", "brief"], ["brief.campaign_id", "brief.number"]),
    Index("proposal_place", "campaign_id", "brief", "attempt", unique=True),
    Index("proposal_normal", "campaign_id", "normal"),
    Index("proposal_program", "program_id"),
)

call = Table(
    "call",
    metadata,
    _id(),
    Column("campaign_id", Integer, nullable=False),
    Column("brief", Integer, nullable=False),
    Column("ask", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("purpose", String, nullable=False),
    Column("model", String, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("fault", String),
    Column("request_id", Integer, ForeignKey("blob.id"), nullable=False),
    Column("reply", LargeBinary),  # what the ask came to; NULL when another try followed
    Column("raw", LargeBinary, nullable=False),
    Column("reserved_usd", Float, nullable=False),
    Column("reserved_tokens", Integer, nullable=False),
    Column("usd", Float, nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("settled", Integer),  # how many calls of the campaign were settled before; NULL while open
    ForeignKeyConstraint(["campaign_id", "brief"], ["brief.campaign_id", "brief.number"]),
    Index("call_place", "campaign_id", "brief", "ask", "attempt", unique=True),
    Index("call_open", "campaign_id", "open"),
)

log = Table(
    "log",
    metadata,
    _of("campaign", primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("kind", String, nullable=False),
    Column("brief", Integer, nullable=False),
    Column("item", Integer, nullable=False),
    sqlite_with_rowid=False,
)

parent = Table(
    "parent",
    metadata,
    _of("proposal", primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    _of("program"),
    Index("parent_program", "program_id"),
)

job = Table(
    "job",
    metadata,
    _of("proposal", primary_key=True),
    Column("owner", String, nullable=False),
)

evaluation = Table(
    "evaluation",
    metadata,
    _id(),
    _of("campaign"),  # whose run it was: a verdict that depends on load is reused only there
    _of("program", nullable=True),
    Column("key", String),
    Column("digest", LargeBinary, nullable=False),  # SHA-256 over these values and the result rows, quarantine left out
    Column("status", String, nullable=False),
    Column("score", Float),
    Column("standard_error", Float),
    Column("count", Integer),
    Column("numbers", LargeBinary, nullable=False),  # metrics and measures
    Column("reason", LargeBinary, nullable=False),
    Column("feedback", LargeBinary, nullable=False),
    Column("stage", String, nullable=False),
    Column("wall_seconds", Float, nullable=False),
    Column("cpu_seconds", Float, nullable=False),
    Column("calls", Integer, nullable=False),
    Column("isolation", String, nullable=False),
    Column("quarantine", LargeBinary),
    Column("self_reported", Boolean, nullable=False, server_default=text("0")),
    Index("evaluation_key", "key"),
    Index("evaluation_program", "program_id"),
)

result = Table(
    "result",
    metadata,
    _of("evaluation", primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("tier", String, nullable=False),
    Column("instance", Integer, nullable=False),
    Column("name", String, nullable=False),
    Column("numbers", LargeBinary, nullable=False),  # metrics and measures
    Column("feedback", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

artifact = Table(
    "artifact",
    metadata,
    _of("evaluation", primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("name", String, primary_key=True),
    _of("blob"),
)

entry = Table(
    "entry",
    metadata,
    Column("sequence", Integer, primary_key=True),
    Column("campaign_id", Integer, nullable=False),
    Column("brief", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    _of("proposal"),
    _of("program", nullable=True),
    _of("evaluation"),
    Column("status", String, nullable=False),
    Column("score", Float),  # its verdict's mean: NULL unless scored and not in quarantine
    Column("rank", Float),  # lower bound of that; NULL too for a verdict that a later one has taken the place of
    Column("reused", Boolean, nullable=False),
    Column("tags", LargeBinary, nullable=False),
    Column("seconds", Float, nullable=False),
    ForeignKeyConstraint(["campaign_id", "brief"], ["brief.campaign_id", "brief.number"]),
    Index("entry_place", "campaign_id", "brief", "attempt", unique=True),
    Index("entry_order", "campaign_id", "sequence"),
    Index("entry_rank", "campaign_id", "rank"),
    Index("entry_ranked_program", "program_id", "campaign_id", "rank"),
    Index("entry_proposal", "proposal_id"),
    Index("entry_evaluation", "evaluation_id"),
)

member = Table(
    "member",
    metadata,
    _of("campaign", primary_key=True),
    Column("view", String, primary_key=True),
    Column("niche", String, primary_key=True),
    _of("program"),
    Column("score", Float, nullable=False),
    Column("size", Integer, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("signature", String, nullable=False),
    Column("rank", Float, nullable=False),
    Column("count", Integer, nullable=False),
)

note = Table(
    "note",
    metadata,
    _id(),
    _of("campaign"),
    Column("text", LargeBinary, nullable=False),
    Column("programs", LargeBinary, nullable=False),
    Column("brief", Integer),
    Column("item", Integer),  # within the brief
    Index("note_campaign", "campaign_id"),
)

look = Table(
    "look",
    metadata,
    _id(),
    _of("campaign"),
    _of("program"),
    Column("tier", String, nullable=False),
    Column("count", Integer, nullable=False),
    _of("evaluation", nullable=True),
    Column("user_name", String, nullable=False, server_default=""),
    Column("host", String, nullable=False, server_default=""),
    Column("opened", String, nullable=False, server_default=""),  # ISO time, for people only
    Index("look_campaign", "campaign_id", "program_id"),
)

event = Table(
    "event",
    metadata,
    _id(),
    _of("campaign"),
    Column("kind", String, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Index("event_campaign", "campaign_id", "id"),
)
