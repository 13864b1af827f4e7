"""Everything that is written while a campaign runs. What one transaction writes is kept whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import Connection, bindparam, func, insert, select, update

from heuresis.archive import call_rows, campaigns, codec, rebuilding, schema, state, verdicts, views
from heuresis.archive.calls import Ask, Fault, Reply
from heuresis.archive.populations import of_config
from heuresis.archive.records import Brief, Cost, Entry, Lesson, Looker, Note, Proposal, TagValue
from heuresis.archive.rows import put
from heuresis.archive.state import CampaignState
from heuresis.archive.views import Views
from heuresis.evaluators.nouns import Evaluation, Tier
from heuresis.program import Program

_p = schema.proposal.c
_PLACE = select(_p.id).where(_p.campaign_id == bindparam("c"), _p.brief == bindparam("b"), _p.attempt == bindparam("a"))
_PROGRAM = select(schema.program.c.id).where(schema.program.c.hash == bindparam("hash"))
_BLOB = select(schema.blob.c.id).where(schema.blob.c.hash == bindparam("hash"))
_CLOSE = (
    update(schema.brief)
    .where(schema.brief.c.campaign_id == bindparam("c"), schema.brief.c.number == bindparam("n"))
    .values(closed=True)
)
_BRIEF = insert(schema.brief)
_INSERT_PROGRAM = insert(schema.program)
_FILE = insert(schema.file)
_INSERT_BLOB = insert(schema.blob)
_PROPOSAL = insert(schema.proposal)
_PARENT = insert(schema.parent)
_JOB = insert(schema.job)
_LOG = insert(schema.log)
_LAST_PROPOSAL = select(func.max(_p.id))
_NOTE = select(schema.note.c.id).where(
    schema.note.c.campaign_id == bindparam("c"),
    schema.note.c.brief == bindparam("b"),
    schema.note.c.item == bindparam("i"),
)

_NOBODY = Looker()


class Transaction:
    """One write transaction, from `Store.transaction`; good for one thread and until its block ends."""

    def __init__(self, connection: Connection, known: Mapping[str, Views], owners: dict[str, str]) -> None:
        self.connection = connection
        self._known = known
        self.owners = owners
        """Campaign -> the owner in whose name this store writes; it must still hold the lease."""
        self._states: dict[str, CampaignState] = {}
        self.kinds: list[str] = []
        """What was written, for the fail-points around the commit."""

    def add_brief(self, campaign: str, brief: Brief) -> Brief:
        """Keep a brief under the campaign's next number; the brief with that number comes back."""
        now = self.state(campaign)
        horizon = self.connection.execute(_LAST_PROPOSAL).scalar() or 0
        numbered = replace(brief, number=now.briefs, horizon=int(horizon))
        now.briefs, now.dirty = now.briefs + 1, True
        self._log(now, "brief", numbered.number)
        row = {"campaign_id": now.id, "number": numbered.number, "closed": False, "body": codec.pack(numbered)}
        self.connection.execute(_BRIEF, row)
        self.kinds.append("brief")
        return numbered

    def set_marks(self, campaign: str, marks: bytes) -> None:
        """Replace the method's state."""
        self._set(campaign, marks=marks)

    def set_finished(self, campaign: str, reason: str) -> None:
        """Keep why the campaign ended; empty when it goes on."""
        self._set(campaign, finished=reason)
        self.kinds.append("finish")

    def set_config(self, campaign: str, config: Mapping[str, object]) -> None:
        """Replace the settings; views are rebuilt when the populations differ."""
        before = campaigns.one(self.connection, campaign)
        self._set(campaign, config=campaigns.config_text(config))
        if before is not None and of_config(before.config) != of_config(config):
            self.rebuild(campaign)

    def add_active(self, campaign: str, seconds: float) -> None:
        """Count seconds of driving."""
        now = self.state(campaign)
        now.active_seconds, now.dirty = now.active_seconds + seconds, True

    def add_proposal(
        self, campaign: str, brief_number: int, attempt: int, proposal: Proposal, normal: str | None = None
    ) -> int:
        """Keep an attempt at a brief, with a job when it has a program that may run; its id comes back.

        A second call for the same attempt keeps what is there and returns the same id. Parents must be in the store.
        """
        now = self.state(campaign)
        place = {"c": now.id, "b": brief_number, "a": attempt}
        found = self.connection.execute(_PLACE, place).scalar()
        if found is not None:
            return int(found)
        program = None if proposal.program is None else self._put_program(proposal.program)
        row = _proposal_row(proposal) | {"campaign_id": now.id, "brief": brief_number, "attempt": attempt}
        row |= {"program_id": program, "normal": normal or None}
        number = put(self.connection, _PROPOSAL, row)
        self._put_parents(number, proposal)
        if proposal.program is not None and not proposal.refusal:
            self.connection.execute(_JOB, {"proposal_id": number, "owner": self.owners.get(campaign, "")})
        self._log(now, "proposal", brief_number, attempt)
        self.kinds.append("proposal")
        return number

    def add_verdict(
        self,
        campaign: str,
        brief_number: int,
        attempt: int,
        evaluation: Evaluation,
        key: str = "",
        reused: bool = False,
        tags: Mapping[str, TagValue] | None = None,
        seconds: float = 0.0,
    ) -> Entry:
        """Keep the verdict on an attempt, close its job and update every view; the new entry comes back.

        Once per attempt: a second call changes nothing and returns the entry that is there. Without `tags` the brief's
        tags are used. An empty key is never reused. Raises ValueError when the attempt was never proposed.
        """
        now = self.state(campaign)
        place = verdicts.Place(now.id, campaign, brief_number, attempt)
        entry, new = verdicts.keep(self.connection, place, evaluation, key, reused, tags, seconds, self._put_blob)
        if not new:
            return entry
        seen = entry.evaluation
        now.count_entry(seen.status, float(seen.wall_seconds), float(seen.cpu_seconds), reused=reused)
        before = self._views(now)
        now.views = views.place(self.connection, now.id, before, entry)
        if now.views is not before:
            now.version, now.dirty = now.views.version, True
        self._log(now, "verdict", brief_number, attempt)
        self.kinds.append("verdict")
        return entry

    def close_brief(self, campaign: str, number: int) -> None:
        """Nothing more will be attempted at this brief."""
        now = self.state(campaign)
        self.connection.execute(_CLOSE, {"c": now.id, "n": number})
        self._log(now, "close", number)
        self.kinds.append("close")

    def add_event(self, campaign: str, kind: str, payload: Mapping[str, TagValue] | None = None) -> int:
        """Keep something that happened; its number comes back."""
        row = {"campaign_id": self.state(campaign).id, "kind": kind, "payload": codec.pack_tags(payload or {})}
        return put(self.connection, insert(schema.event), row)

    def open_call(self, campaign: str, brief: int, ask_number: int, ask: Ask, model: str, reserved: Cost) -> int:
        """Keep that an ask is about to be sent, and what it may cost at most; the call's number comes back.

        What is reserved counts as spent until the call is settled.
        """
        request = self._put_blob(call_rows.request_bytes(ask))
        number = call_rows.begin(
            self.connection, self.state(campaign).id, brief, ask_number, ask, request, model, reserved
        )
        self.kinds.append("call")
        return number

    def settle_call(
        self,
        campaign: str,
        number: int,
        fault: Fault | None,
        reply: Reply | None,
        raw: str,
        spent: Cost,
        seconds: float,
    ) -> None:
        """Keep what came of a call and what it cost. With `reply` its ask is answered. Once per call."""
        now = self.state(campaign)
        brief, ask = call_rows.end(self.connection, number, fault, reply, raw, spent, seconds, now.calls)
        now.count_call(spent, None if fault is None else fault.value)
        if reply is not None:
            self._log(now, "reply", brief, ask)
        self.kinds.append("reply")

    def add_note(self, campaign: str, brief: int, item: int, lesson: Lesson) -> Note:
        """Keep a lesson of a brief, once: a second call for the same item returns what is there."""
        now = self.state(campaign)
        found = self.connection.execute(_NOTE, {"c": now.id, "b": brief, "i": item}).scalar()
        if found is None:
            row: dict[str, object] = {"campaign_id": now.id, "brief": brief, "item": item}
            row |= {"text": codec.pack_text(lesson.text), "programs": codec.pack(lesson.programs)}
            found = put(self.connection, insert(schema.note), row)
            self._log(now, "note", brief, item)
        return Note(int(found), lesson.text, lesson.programs)

    def add_look(
        self,
        campaign: str,
        program: str,
        tier: Tier,
        count: int,
        evaluation: Evaluation | None = None,
        by: Looker = _NOBODY,
    ) -> int:
        """Keep that a held-out tier was opened, by whom, and what was seen; its number comes back.

        The verdict has no key: nothing of a search can find it.
        """
        now, row_id = self.state(campaign), self._program(program)
        seen = None
        if evaluation is not None:
            place = verdicts.Place(now.id, campaign, -1, -1)
            seen, _ = verdicts.put_evaluation(self.connection, place, row_id, evaluation, "", False, self._put_blob)
        row = {"campaign_id": now.id, "program_id": row_id, "tier": tier.value, "count": count, "evaluation_id": seen}
        self.kinds.append("look")
        return put(
            self.connection, insert(schema.look), row | {"user_name": by.user, "host": by.host, "opened": by.time}
        )

    def set_quarantine(
        self,
        program: str,
        reason: str | None,
        remarks: Mapping[str, TagValue] | None = None,
        only: str | None = None,
    ) -> list[str]:
        """Distrust every verdict on a program, or trust it again (None). All views are rebuilt as if always so.

        `remarks` (who, when, why) are kept with the event. `only`: verdicts that this campaign made for itself, for a
        replay. The names of the campaigns it concerns come back.
        """
        campaign, was = (
            None if only is None else self.state(only).id,
            verdicts.distrust(self.connection, self._program(program)),
        )
        names = verdicts.quarantine(self.connection, self._program(program), reason, campaign)
        for name in names:
            self.rebuild(name)
            place: dict[str, TagValue] = {
                "program": program,
                "reason": reason or "",
                "was": was,
                "logged": self.state(name).logged,
            }
            self.add_event(name, "quarantine", {**(remarks or {}), **place})
        return names

    def rebuild(self, campaign: str) -> None:
        """Make the campaign's views anew from all its entries; costs as much as the campaign is long."""
        now = self.state(campaign)
        now.views = rebuilding.rewrite(self.connection, now.id, now.version + 1)
        now.version, now.dirty = now.views.version, True

    def state(self, campaign: str) -> CampaignState:
        """The campaign's running row, read once. Raises ConfigError or Unavailable (`state.read`)."""
        now = self._states.get(campaign)
        if now is None:
            now = self._states[campaign] = state.read(self.connection, campaign, self.owners.get(campaign))
        return now

    def flush(self) -> None:
        """Write the running rows back; the store calls this before it commits."""
        for now in self._states.values():
            if now.dirty:
                state.write(self.connection, now)

    def changed_views(self) -> dict[str, Views]:
        """What the store publishes once this is committed."""
        return {name: now.views for name, now in self._states.items() if now.views is not None}

    def _log(self, now: CampaignState, kind: str, brief: int, item: int = 0) -> None:
        row = {"campaign_id": now.id, "position": now.logged, "kind": kind, "brief": brief, "item": item}
        self.connection.execute(_LOG, row)
        now.logged, now.dirty = now.logged + 1, True

    def _views(self, now: CampaignState) -> Views:
        if now.views is not None:
            return now.views
        known = self._known.get(now.name)
        if known is not None and known.version == now.version:
            return known
        return views.load(self.connection, now.id, now.version)

    def _set(self, campaign: str, **values: object) -> None:
        where = schema.campaign.c.id == self.state(campaign).id
        self.connection.execute(update(schema.campaign).where(where).values(values))

    def _program(self, program: str) -> int:
        found = self.connection.execute(_PROGRAM, {"hash": bytes.fromhex(program)}).scalar()
        if found is None:
            raise ValueError(f"program {program} is not in the store")
        return int(found)

    def _put_program(self, program: Program) -> int:
        identity = bytes.fromhex(program.id)
        found = self.connection.execute(_PROGRAM, {"hash": identity}).scalar()
        if found is not None:
            return int(found)
        number = put(self.connection, _INSERT_PROGRAM, {"hash": identity})
        for path, text in program.files.items():
            blob = self._put_blob(text.encode("utf-8", "surrogatepass"))
            row = {"program_id": number, "path": codec.pack_text(path), "blob_id": blob}
            self.connection.execute(_FILE, row)
        return number

    def _put_blob(self, content: bytes) -> int:
        identity = codec.hash_of(content)
        found = self.connection.execute(_BLOB, {"hash": identity}).scalar()
        if found is not None:
            return int(found)
        row = {"hash": identity, "data": codec.squeeze(content)}
        return put(self.connection, _INSERT_BLOB, row)

    def _put_parents(self, proposal: int, made: Proposal) -> None:
        rows = [
            {"proposal_id": proposal, "position": position, "program_id": self._program(parent)}
            for position, parent in enumerate(made.parents)
        ]
        if rows:
            self.connection.execute(_PARENT, rows)


def _proposal_row(proposal: Proposal) -> dict[str, object]:
    return {
        "operator": proposal.operator,
        "model": proposal.model,
        "idea": codec.pack_text(proposal.idea),
        "refusal": codec.pack_text(proposal.refusal),
        "prompt": codec.pack_text(proposal.prompt),
        "reply": codec.pack_text(proposal.reply),
        "usd": float(proposal.cost.usd),
        "tokens": proposal.cost.tokens,
        "model_calls": proposal.cost.model_calls,
    }
