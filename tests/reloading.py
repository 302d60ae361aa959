"""A gateway whose file is edited and read again.

async with running(tmp_path) as gw:
    await gw.reload(("rate = 1000", "rate = 9"))
"""

from contextlib import asynccontextmanager

from peers.process import free_port
from raw_esme import RawEsme, until

from gateway.app import App
from gateway.config import load_config

TOML = """
[gateway]
state_dir = "{path}"
[store]
min_free_disk = "1MB"
max_waiting = 1000
[log]
level = "info"
[listeners.smpp]
port = {port}
[accounts.shop]
password = "secret"
default_kind = "transactional"
senders = ["36180"]
[accounts.bank]
password = "secret"
default_kind = "otp"
senders = ["BANK"]
[bearers.sim]
driver = "simulated"
rate = 1000
[bearers.sim.link]
latency = "1ms"
receipt_delay = "1ms"
[bearers.spare]
driver = "simulated"
rate = 5
[routes.all]
bearers = ["sim"]
"""


class Gateway:
    """app: the gateway; its file is edited, then reloaded."""

    def __init__(self, path):
        self.file = path / "gateway.toml"
        self.text = TOML.format(path=path, port=free_port())
        self.esmes = []
        self.write()
        self.app = App(load_config(self.file, {}))

    def write(self):
        self.file.write_text(self.text)
        self.file.chmod(0o600)

    def edit(self, old, new):
        assert old in self.text, old
        self.text = self.text.replace(old, new, 1)
        self.write()

    async def reload(self, *edits):
        """What changed, as key -> effect; edits: (old, new) in the file, which stay in it when they are refused."""
        for edit in edits:
            self.edit(*edit)
        return {change["key"]: change["effect"] for change in await self.app.reload()}

    def road(self, name):
        return self.app.dispatcher.roads[name]

    async def esme(self, name=b"shop", **options):
        esme = await RawEsme.bound(self.app.smpp.port, system_id=name, **options)
        assert esme.session.bind_status == 0
        self.esmes.append(esme)
        return esme

    async def up(self, *names):
        await until(
            lambda: all(name in self.app.dispatcher.roads and self.road(name).health.up for name in names)
        )


@asynccontextmanager
async def running(path):
    gateway = Gateway(path)
    await gateway.app.start()
    try:
        await gateway.up("sim", "spare")
        yield gateway
    finally:
        for esme in gateway.esmes:
            esme.close()
        await gateway.app.stop(0.5)
