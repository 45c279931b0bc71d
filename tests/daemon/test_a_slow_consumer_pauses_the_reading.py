"""The mailbox between the tasks that read a kernel and whoever wants to know."""

from __future__ import annotations

import asyncio

from clients.daemon.events import Busy, Idle, Responsive
from clients.daemon.mailbox import EVENTS, Mailbox


async def has_room(mailbox: Mailbox) -> bool:
    waiting = asyncio.create_task(mailbox.room())
    await asyncio.sleep(0)
    waiting.cancel()
    return waiting.done()


def test_a_full_mailbox_has_room_again_when_an_event_was_taken() -> None:
    async def story() -> None:
        mailbox = Mailbox()
        mailbox.put([Busy()] * (EVENTS - 1))
        assert await has_room(mailbox)
        mailbox.put([Busy()])
        assert not await has_room(mailbox)
        await mailbox.get()
        assert await has_room(mailbox)

    asyncio.run(story())


def test_what_was_put_before_the_end_is_still_given() -> None:
    async def story() -> list[object]:
        mailbox = Mailbox()
        mailbox.put([Busy()])
        mailbox.close()
        return [await mailbox.get(), await mailbox.get()]

    assert asyncio.run(story()) == [(Busy(), 0), None]


def test_a_message_is_consumed_with_the_last_event_that_it_made() -> None:
    async def story() -> list[object]:
        mailbox = Mailbox()
        mailbox.put([Busy(), Idle()], 4)
        mailbox.put([], 5)
        mailbox.put([Responsive()])
        return [await mailbox.get() for _ in range(3)]

    assert asyncio.run(story()) == [(Busy(), 0), (Idle(), 4), (Responsive(), 5)]
