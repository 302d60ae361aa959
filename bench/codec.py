#!/usr/bin/env python3
"""Microseconds a PDU, parsing and building, beside smpplib: the three shapes that come by the thousand.

Both are given the same octets in the same process, in turns; the share is smpplib's time over ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import smpplib.client
import smpplib.command
import smpplib.consts
import smpplib.smpp
from figures import Figure, Plan, median, say, table

from drivers.smpp.build import address, frame, response, sm_body
from drivers.smpp.codec import decode
from drivers.smpp.pdu import Command

TEXT = b"Votre colis arrive demain entre 10 h et 12 h. Suivi: 8KX2-19"
RECEIPT = b"id:1182734004571 sub:001 dlvrd:001 submit date:2611220041 done date:2611220042 stat:DELIVRD err:000 text:Votre"
BATCH = 50
"""PDUs in a buffer: about what a read brings under load."""


def timed(work: Callable[[], object], pdus: int, rounds: int) -> float:
    """Microseconds of processor time a PDU."""
    began = time.process_time()
    for _ in range(rounds):
        work()
    return 1e6 * (time.process_time() - began) / (pdus * rounds)


def frames() -> dict[str, list[bytes]]:
    source, to = address(0, 0, b"38000"), address(1, 1, b"33600000001")
    body, receipt = (
        sm_body(source, to, TEXT, registered_delivery=1),
        sm_body(to, source, RECEIPT, esm_class=4),
    )
    return {
        "submit_sm": [frame(Command.SUBMIT_SM, n, body) for n in range(1, BATCH + 1)],
        "submit_sm_resp": [response(Command.SUBMIT_SM, 0, n, b"1182734004571") for n in range(1, BATCH + 1)],
        "deliver_sm": [frame(Command.DELIVER_SM, n, receipt) for n in range(1, BATCH + 1)],
    }


def our_builds() -> dict[str, Callable[[], object]]:
    source, to = address(0, 0, b"38000"), address(1, 1, b"33600000001")
    return {
        "submit_sm": lambda: frame(Command.SUBMIT_SM, 1, sm_body(source, to, TEXT, registered_delivery=1)),
        "submit_sm_resp": lambda: response(Command.SUBMIT_SM, 0, 1, b"1182734004571"),
        "deliver_sm": lambda: frame(Command.DELIVER_SM, 1, sm_body(to, source, RECEIPT, esm_class=4)),
    }


def their_builds() -> dict[str, Callable[[], object]]:
    client = smpplib.client.Client("127.0.0.1", 1, allow_unknown_opt_params=True)

    def sm(command: str, text: bytes, esm_class: int) -> object:
        return smpplib.smpp.make_pdu(
            command, client=client, source_addr_ton=0, source_addr_npi=0, source_addr="38000", dest_addr_ton=1,
            dest_addr_npi=1, destination_addr="33600000001", short_message=text, esm_class=esm_class,
            registered_delivery=1, sequence=1,
        ).generate()  # fmt: skip

    def answer() -> object:
        pdu = smpplib.smpp.make_pdu("submit_sm_resp", client=client, message_id="1182734004571", sequence=1)
        return pdu.generate()

    return {
        "submit_sm": lambda: sm("submit_sm", TEXT, 0),
        "submit_sm_resp": answer,
        "deliver_sm": lambda: sm("deliver_sm", RECEIPT, 4),
    }


def measure(plan: Plan) -> list[Figure]:
    client = smpplib.client.Client("127.0.0.1", 1, allow_unknown_opt_params=True)
    ours, theirs = our_builds(), their_builds()
    figures = []
    for name, pdus in frames().items():
        buffer = b"".join(pdus)
        assert len(decode(buffer)[0]) == BATCH
        works: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
            "parse": (
                lambda buffer=buffer: decode(buffer),
                lambda pdus=pdus: [smpplib.smpp.parse_pdu(raw, client=client, allow_unknown_opt_params=True) for raw in pdus],
            ),
            "build": (
                lambda name=name: [ours[name]() for _ in range(BATCH)],
                lambda name=name: [theirs[name]() for _ in range(BATCH)],
            ),
        }  # fmt: skip
        for verb, (mine, other) in works.items():
            pairs = [(timed(mine, BATCH, 2000), timed(other, BATCH, 100)) for _ in range(plan.repeats + 2)]
            one, two = median([a for a, _ in pairs]), median([b for _, b in pairs])
            say(f"codec {verb} {name}: {one:.2f} µs, smpplib {two:.1f} µs")
            share = median([b / a for a, b in pairs])
            figures.append(Figure(f"codec, {verb} {name}", f"{one:.2f} µs, smpplib {two:.1f} µs", share))
    return figures


if __name__ == "__main__":
    print(table(measure(Plan())))
