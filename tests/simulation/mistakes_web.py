"""Mistakes to plant in what webhooks are told. Only seeds that have any count."""

from __future__ import annotations

from typing import Any

import aiohttp
from simulation.mistakes import mistake, wrap

import gateway.webhooks
from gateway.outbox import Outbox
from gateway.webhook_address import PublicResolver
from gateway.webhooks import Webhooks, _Hook

__all__: list[str] = []


@mistake("what is posted to a webhook is forgotten before it has answered", within=40, among="webhooks")
def forgets_before_the_answer() -> None:
    def make(deliver: Any) -> Any:
        def hasty(self: Any, notes: Any) -> None:
            deliver(self, notes)
            self._gateway.outbox.answered(self._account, notes)

        return hasty

    wrap(_Hook, "deliver", make)


@mistake("whatever a webhook answers, 500 too, it was told", within=40, among="webhooks")
def any_answer_will_do() -> None:
    wrap(_Hook, "_post", lambda post: _saying(post, lambda failed: "" if "it answered" in failed else failed))


@mistake("a webhook that does not answer in time was told", within=40, among="webhooks")
def silence_is_consent() -> None:
    wrap(_Hook, "_post", lambda post: _saying(post, lambda failed: "" if "within" in failed else failed))


def _saying(post: Any, changed: Any) -> Any:
    async def posted(self: Any) -> str:
        return str(changed(await post(self)))

    return posted


@mistake("a stop takes what is being posted for told", within=160, among="webhooks")
def loses_what_is_under_way() -> None:
    def make(stop: Any) -> Any:
        async def stopped(self: Any) -> None:
            if self._batch:
                self._succeeded()
            await stop(self)

        return stopped

    wrap(_Hook, "stop", make)


@mistake("what a webhook refused goes to the end of its line", within=160, among="webhooks")
def queues_up_again() -> None:
    def make(first_again: Any) -> Any:
        def last_again(self: Any, box: Any, notes: Any) -> None:
            before = list(box.ready)
            first_again(self, box, notes)
            box.ready.rotate(len(before))

        return last_again

    wrap(Outbox, "_first_again", make)


@mistake("redirects of a webhook are followed", within=160, among="webhooks")
def follows_redirects() -> None:
    def make(request: Any) -> Any:
        async def lenient(self: Any, *args: Any, **options: Any) -> Any:
            return await request(self, *args, **{**options, "allow_redirects": True})

        return lenient

    wrap(aiohttp.ClientSession, "_request", make)


@mistake("an answer of a webhook is read, and never let go", within=40, among="webhooks")
def keeps_answers() -> None:
    kept: list[Any] = []

    def make(post: Any) -> Any:
        def opened(self: Any, *args: Any, **options: Any) -> Any:
            context = post(self, *args, **options)
            kept.append(context)

            async def leave(*_: object) -> None:
                """As if there were no `async with`."""

            return _Kept(context, leave)

        return opened

    wrap(aiohttp.ClientSession, "post", make)


class _Kept:
    def __init__(self, context: Any, leave: Any) -> None:
        self.context = context
        self.leave = leave

    async def __aenter__(self) -> Any:
        return await self.context.__aenter__()

    async def __aexit__(self, *_: object) -> None:
        await self.leave()


@mistake(
    "a webhook is posted to beside the binds that carry the account's notes", within=40, among="webhooks"
)
def posts_beside_binds() -> None:
    Outbox.alone = lambda self, account, sink: True  # type: ignore[method-assign]


@mistake(
    "a webhook's secret is read once, and a reload changes its address only", within=160, among="webhooks"
)
def keeps_the_old_secret() -> None:
    def make(apply: Any) -> Any:
        def partly(self: Any, url: str, secret: bytes) -> None:
            apply(self, url, self._secret or secret)

        return partly

    wrap(_Hook, "apply", make)


@mistake("a name may lead a webhook to any address", within=320, among="webhooks")
def trusts_dns() -> None:
    gateway.webhooks.PublicResolver = aiohttp.ThreadedResolver  # type: ignore[attr-defined]
    assert PublicResolver
    assert Webhooks


@mistake("a webhook that fails is posted to again at once", within=40, among="webhooks")
def never_rests() -> None:
    gateway.webhooks.FIRST = 0.05
