"""Candidates from a tree like /sys, the choice among them, and the search by IMEI."""

import asyncio
import os
import pty

import pytest
import uvloop

from drivers.modem import discovery
from drivers.modem.claims import Claims
from drivers.modem.discovery import by_device, candidates, find, same_imei, wait_for_return
from drivers.modem.port_errors import PortError
from drivers.modem.profile import Profile, Usb, for_usb

IMEI, OTHER = "490154203237518", "356938035643809"

POLL = 0.05
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=LOOPS)
def run(request):
    def run(main):
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            return runner.run(asyncio.wait_for(main, 10))

    return run


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(discovery, "POLL", POLL)


class Sys:
    """A /sys in which USB devices are plugged in as the kernel shows them, and a /dev beside it."""

    def __init__(self, root):
        self.root, self.dev = root / "sys", root / "dev"
        (self.root / "class/tty").mkdir(parents=True)
        self.dev.mkdir()
        self.plugged = 0

    def plug(self, device, usb_id, ttys, **attributes):
        """ttys: {"ttyUSB2": "02"}, the interface of each; attributes: of every interface."""
        self.plugged += 1
        folder = self.root / "devices/pci0000:00/usb1" / device
        vendor, product = usb_id.split(":")
        of_device = {"idVendor": vendor, "idProduct": product, "busnum": "1", "devnum": str(self.plugged)}
        self._write(folder, of_device)
        for tty, number in ttys.items():
            interface = folder / f"{device}:1.{int(number, 16)}"
            self._write(interface, {"bInterfaceNumber": number, **attributes})
            place = interface if tty.startswith("ttyACM") else interface / tty
            entry = place / "tty" / tty
            entry.mkdir(parents=True)
            (entry / "device").symlink_to("../..")
            (self.root / "class/tty" / tty).symlink_to(os.path.relpath(entry, self.root / "class/tty"))
            (self.dev / tty).touch()

    def unplug(self, *ttys):
        for tty in ttys:
            (self.root / "class/tty" / tty).unlink()
            (self.dev / tty).unlink()

    def candidates(self, profile_of=for_usb):
        return candidates(profile_of, str(self.root), str(self.dev))

    @staticmethod
    def _write(folder, attributes):
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in attributes.items():
            (folder / name).write_text(value + "\n")


@pytest.fixture
def sys(tmp_path):
    return Sys(tmp_path)


def sim7600(first):
    """The five ttys of a SIM7600: {"ttyUSB0": "00", …}."""
    return {f"ttyUSB{first + number}": f"0{number}" for number in range(5)}


def told(found):
    return [(os.path.basename(one.path), one.device, one.role) for one in found]


def test_only_at_ports_of_known_devices_best_first(sys):
    sys.plug("1-1.2", "1e0e:9001", sim7600(0))
    sys.plug("1-1.1", "2c7c:0125", {"ttyUSB9": "02", "ttyUSB8": "03", "ttyUSB7": "00"})
    sys.plug("1-1.3", "0403:6001", {"ttyUSB5": "00"})  # an adapter: anybody's device may hang on it
    sys.plug("1-1.4", "2341:0043", {"ttyACM0": "00"})
    found = sys.candidates()
    assert told(found) == [
        ("ttyUSB9", "1-1.1", "at"),
        ("ttyUSB8", "1-1.1", "at-second"),
        ("ttyUSB2", "1-1.2", "at"),
        ("ttyUSB3", "1-1.2", "at-second"),
    ]
    assert (found[2].usb_id, found[2].interface, found[2].profile) == ("1e0e:9001", "02", "sim7600")
    assert found[2].path == str(sys.dev / "ttyUSB2")


def test_roles_by_protocol_where_interface_numbers_tell_nothing(sys):
    sys.plug("1-1", "12d1:1506", {"ttyUSB0": "00"}, bInterfaceClass="ff", bInterfaceProtocol="01")
    sys.plug("1-2", "12d1:1506", {"ttyUSB1": "05"}, bInterfaceClass="ff", bInterfaceProtocol="02")
    sys.plug("1-3", "12d1:1506", {"ttyUSB2": "02"}, bInterfaceClass="ff", bInterfaceProtocol="03")
    sys.plug("1-4", "12d1:1506", {"ttyUSB3": "02"}, bInterfaceClass="08", bInterfaceProtocol="02")
    assert told(sys.candidates()) == [("ttyUSB0", "1-1", "modem"), ("ttyUSB1", "1-2", "at")]


def test_a_cdc_acm_port_hangs_on_its_interface(sys):
    profile = Profile("acm", usb=(Usb("1bc7:0021", ports={"00": "at"}),))
    sys.plug("2-1", "1bc7:0021", {"ttyACM0": "00"})
    assert told(sys.candidates(lambda usb_id: profile)) == [("ttyACM0", "2-1", "at")]


def test_ttys_without_usb_and_a_system_without_ttys(sys, tmp_path):
    virtual = sys.root / "devices/virtual/tty/tty0"
    virtual.mkdir(parents=True)
    (sys.root / "class/tty/tty0").symlink_to(virtual)
    platform = sys.root / "devices/platform/serial8250/tty/ttyS0"
    platform.mkdir(parents=True)
    (platform / "device").symlink_to("../..")
    (sys.root / "class/tty/ttyS0").symlink_to(platform)
    assert sys.candidates() == []
    assert candidates(for_usb, str(tmp_path / "nothing")) == []


def test_this_machine_can_be_looked_at():
    assert all(one.path.startswith("/dev/tty") for one in candidates())


def test_a_device_with_a_claimed_port_is_left_out_whole(sys):
    sys.plug("1-1", "1e0e:9001", sim7600(0))
    sys.plug("1-2", "1e0e:9001", sim7600(5))
    found = sys.candidates()
    assert [told(ports) for ports in by_device(found)] == [
        [("ttyUSB2", "1-1", "at"), ("ttyUSB3", "1-1", "at-second")],
        [("ttyUSB7", "1-2", "at"), ("ttyUSB8", "1-2", "at-second")],
    ]
    claimed = frozenset({os.path.realpath(sys.dev / "ttyUSB3")})
    assert [ports[0].device for ports in by_device(found, claimed)] == ["1-2"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (IMEI, IMEI, True),
        (IMEI, IMEI[:14] + "0", True),
        (IMEI[:14] + "01", IMEI, True),
        (IMEI[:14], IMEI, True),
        (IMEI, OTHER, False),
        ("", IMEI, False),
        ("4901", "4901", False),
    ],
)
def test_fourteen_digits_make_an_imei(one, other, same):
    assert same_imei(one, other) is same


class Modems:
    """What each tty answers to AT+CGSN: an IMEI, None, or a PortError to raise. Keeps who was asked."""

    def __init__(self, **answers):
        self.answers, self.asked = answers, []

    async def ask(self, path):
        name = os.path.basename(path)
        self.asked.append(name)
        await asyncio.sleep(0)
        answer = self.answers.get(name)
        if isinstance(answer, PortError):
            raise answer
        return answer


def test_found_by_imei_wherever_it_is(run, sys):
    sys.plug("1-1", "1e0e:9001", sim7600(0))
    sys.plug("1-2", "1e0e:9001", sim7600(5))
    modems = Modems(ttyUSB2=OTHER, ttyUSB7=IMEI)
    assert run(find(IMEI, modems.ask, sys.candidates)) == str(sys.dev / "ttyUSB7")
    assert modems.asked == ["ttyUSB2", "ttyUSB7"]  # one port of a device that answers is enough


def test_the_second_port_when_the_first_is_taken_or_silent(run, sys):
    sys.plug("1-1", "1e0e:9001", sim7600(0))
    for first in (None, PortError("port.busy", "minicom has it")):
        modems = Modems(ttyUSB2=first, ttyUSB3=IMEI)
        assert run(find(IMEI, modems.ask, sys.candidates)) == str(sys.dev / "ttyUSB3")


def test_a_modem_that_comes_back_later_under_other_numbers(run, sys):
    sys.plug("1-1", "1e0e:9001", sim7600(0))
    modems = Modems(ttyUSB2=OTHER, ttyUSB12=IMEI)

    async def main():
        looking = asyncio.ensure_future(find(IMEI, modems.ask, sys.candidates))
        await asyncio.sleep(1.5 * POLL)
        assert not looking.done()
        sys.plug("1-2", "1e0e:9001", sim7600(10))
        return await looking

    assert run(main()) == str(sys.dev / "ttyUSB12")
    assert modems.asked == ["ttyUSB2", "ttyUSB12"]  # whom another IMEI has answered is not asked again


def test_the_same_port_is_asked_again_once_its_device_was_plugged_in_anew(run, sys):
    sys.plug("1-1", "1e0e:9001", {"ttyUSB2": "02"})
    modems = Modems(ttyUSB2=OTHER)

    async def main():
        looking = asyncio.ensure_future(find(IMEI, modems.ask, sys.candidates))
        await asyncio.sleep(0.5 * POLL)
        (sys.root / "devices/pci0000:00/usb1/1-1/devnum").write_text("9\n")
        modems.answers["ttyUSB2"] = IMEI
        return await looking

    assert run(main()) == str(sys.dev / "ttyUSB2")
    assert len(modems.asked) == 2


def test_two_bearers_looking_at_once_do_not_meet_on_one_device(run, sys):
    sys.plug("1-1", "1e0e:9001", sim7600(0))
    sys.plug("1-2", "1e0e:9001", sim7600(5))
    claims, busy, met = Claims(), set(), []
    answers = {"ttyUSB2": IMEI, "ttyUSB7": OTHER}

    async def ask(path):
        name = os.path.basename(path)
        met.extend(busy & {name})
        busy.add(name)
        await asyncio.sleep(0.05)
        busy.remove(name)
        return answers[name]

    async def main():
        first = find(IMEI, ask, sys.candidates, "sim1", 5, claims)
        second = find(OTHER, ask, sys.candidates, "sim2", 5, claims)
        return await asyncio.gather(first, second)

    assert run(main()) == [str(sys.dev / "ttyUSB2"), str(sys.dev / "ttyUSB7")]
    assert not met
    assert claims.devices() == frozenset()


def test_a_claimed_device_is_never_asked_and_the_end_says_why(run, sys):
    sys.plug("1-1", "1e0e:9001", sim7600(0))
    sys.plug("1-2", "1e0e:9001", sim7600(5))
    sys.plug("1-3", "2c7c:0125", {"ttyUSB12": "02"})
    sys.plug("1-4", "2c7c:0125", {"ttyUSB13": "02"})
    claims, modems = Claims(), Modems(ttyUSB7=OTHER, ttyUSB12=PortError("port.denied", "no"))
    claims.claim("sim1", str(sys.dev / "ttyUSB2"))
    with pytest.raises(PortError) as caught:
        run(find(IMEI, modems.ask, sys.candidates, "sim2", 0, claims))
    assert caught.value.reason == "port.not_found"
    assert sorted(modems.asked) == ["ttyUSB12", "ttyUSB13", "ttyUSB7"]
    for words in ("another bearer has it", OTHER, "port.denied", "no answer", IMEI, "ec25 on USB 1-3"):
        assert words in caught.value.detail


def test_no_known_modem_at_all(run, sys):
    with pytest.raises(PortError) as caught:
        run(find(IMEI, Modems().ask, sys.candidates, within=0))
    assert caught.value.reason == "port.not_found"
    assert "by-path" in caught.value.detail


def test_wait_for_a_link_that_comes(run, tmp_path):
    link = tmp_path / "modem"

    async def main():
        waiting = asyncio.ensure_future(wait_for_return(str(link), within=5))
        await asyncio.sleep(POLL / 2)
        link.symlink_to("nothing-yet")  # a link that leads nowhere is no return
        await asyncio.sleep(1.2 * POLL)
        assert not waiting.done()
        (tmp_path / "nothing-yet").touch()
        await waiting

    run(main())


def test_a_link_that_is_there_or_never_comes(run, tmp_path):
    run(wait_for_return(str(tmp_path)))
    with pytest.raises(PortError) as caught:
        run(wait_for_return(str(tmp_path / "never"), within=0.1))
    assert caught.value.reason == "port.missing"


def test_after_a_reset_the_old_device_is_not_taken_for_the_new_one(run, tmp_path):
    link = tmp_path / "modem"
    ends = [pty.openpty(), pty.openpty()]
    link.symlink_to(os.ttyname(ends[0][1]))

    async def main():
        waiting = asyncio.ensure_future(wait_for_return(str(link), within=5, leaving=5))
        await asyncio.sleep(1.2 * POLL)
        assert not waiting.done()
        link.unlink()
        link.symlink_to(os.ttyname(ends[1][1]))  # gone and back between two looks: told by the device
        await asyncio.wait_for(waiting, 2 * POLL)

    async def comes_back_the_same():
        waiting = asyncio.ensure_future(wait_for_return(str(link), within=5, leaving=5))
        await asyncio.sleep(POLL / 2)
        target = link.readlink()
        link.unlink()
        await asyncio.sleep(1.5 * POLL)
        link.symlink_to(target)
        await asyncio.wait_for(waiting, 2 * POLL)

    run(main())
    run(comes_back_the_same())
    run(wait_for_return(str(link), within=5, leaving=0.1))  # on a UART nothing leaves
    for pair in ends:
        os.close(pair[0])
        os.close(pair[1])
