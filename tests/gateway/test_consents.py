"""Proofs of consent in force at once, kept over restarts, judged before the queue and before the wire."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from core import account, core
from making import NOW

from gateway import answers
from gateway.consents import Consents
from gateway.lifecycle import State
from gateway.model import Kind
from gateway.rules.consent import ConsentRule
from gateway.rules.kept_consents import KeptConsents, Standing
from gateway.rules.optouts import OptOuts
from gateway.stores.consent_table import ConsentTable
from gateway.stores.store import StoreError

NUMBER, SHOP = "+33612345678", "account:shop"


@asynccontextmanager
async def consenting(path, required=True):
    """A core with .consents, as App makes it."""
    kept = KeptConsents(OptOuts(bytes(32)).digest)
    async with core(path, rules=[ConsentRule(kept)], accounts=[account(require_consent=required)]) as gw:
        gw.consents = Consents(gw.clock, kept, ConsentTable(gw.store))
        gw.consents.load()
        yield gw


def proof(number=NUMBER, reference="form-12", at=NOW, scope=SHOP):
    return scope, number, reference, "till", "I want offers", at


async def status(gw, number=NUMBER, consent="form-12", **fields):
    sms = gw.sms(number, kind=Kind.MARKETING, consent=consent, **fields)
    return (await gw.submit(sms))[0].status


def test_until_something_is_kept_the_reference_alone_counts(tmp_path):
    async def story():
        async with consenting(tmp_path) as gw:
            assert await status(gw) == answers.OK
            assert await status(gw, consent="") == answers.NO_CONSENT
            await gw.consents.give([proof("+33600000002")], "ops")
            assert await status(gw) == answers.NO_CONSENT
            assert await status(gw, "+33600000002") == answers.OK

    asyncio.run(story())


def test_given_revoked_and_given_again_over_restarts(tmp_path):
    async def story():
        async with consenting(tmp_path) as gw:
            assert await gw.consents.give([proof(), proof("", "many")], "ops") == 2
            assert await gw.consents.give([proof(), proof("", "many")], "ops") == 0
            assert await gw.consents.give([proof(at=NOW + 5)], "ops") == 1  # a newer proof is evidence, too
        async with consenting(tmp_path) as gw:
            assert await status(gw) == answers.OK
            assert await status(gw, "+33600000002", "many") == answers.OK
            assert await status(gw, "+33600000002", "few") == answers.NO_CONSENT
            assert await gw.consents.revoke([proof()], "ops") == 1
            assert await gw.consents.revoke([proof()], "ops") == 0
            assert await status(gw, consent="many") == answers.NO_CONSENT
        async with consenting(tmp_path) as gw:
            assert await status(gw) == answers.NO_CONSENT
            assert await gw.consents.give([proof(at=NOW + 9)], "ops") == 1
            assert await status(gw) == answers.OK
            story_of = await gw.consents.table.story(gw.consents.kept.key(NUMBER, ""))
            assert [row[2] for row in story_of] == ["add", "add", "revoke", "add"]

    asyncio.run(story())


def test_what_waits_is_refused_before_the_wire_even_where_no_reference_is_required(tmp_path):
    async def story():
        async with consenting(tmp_path, required=False) as gw:
            sms = gw.sms(NUMBER, kind=Kind.MARKETING, due=gw.clock.wall_ms() + 60_000)
            (answer,) = await gw.submit(sms)
            assert answer.status == answers.OK
            await gw.consents.revoke([proof()], "ops")
            await gw.passes(61.0)
            assert (gw.state(sms), gw.row(sms.id, "error")) == (State.REJECTED, ("0406",))
            assert await status(gw) == answers.NO_CONSENT
            assert await status(gw, "+33600000002", "") == answers.OK

    asyncio.run(story())


def test_what_the_store_refuses_is_withdrawn_all_the_same_and_never_given(tmp_path):
    """Else a second try would be told "it stands", and a restart would forget the withdrawal."""

    async def story():
        async with consenting(tmp_path) as gw:
            poison = (SHOP, NUMBER, "form-12", "till", "\ud800", NOW)

            await gw.consents.give(
                [proof("+33600000002")], "ops"
            )  # so that this account's consents are kept here
            with pytest.raises(StoreError):
                await gw.consents.give([poison], "ops")
            assert await status(gw) == answers.NO_CONSENT
            assert await gw.consents.give([proof()], "ops") == 1
            with pytest.raises(StoreError):
                await gw.consents.revoke([poison], "ops")
            assert await status(gw) == answers.NO_CONSENT, "it is obeyed all the same"
            with pytest.raises(StoreError):
                await gw.consents.give([poison], "ops")
            assert await status(gw) == answers.NO_CONSENT, "and stays obeyed"
            assert await gw.consents.revoke([proof()], "ops") == 1
            assert await gw.consents.revoke([proof()], "ops") == 0
            with pytest.raises(StoreError):
                await gw.consents.give([poison], "ops")
            assert await status(gw) == answers.NO_CONSENT
        async with consenting(tmp_path) as gw:
            assert await status(gw) == answers.NO_CONSENT
            assert gw.consents.kept.standing(account(), NUMBER, "") is Standing.REVOKED

    asyncio.run(story())
