import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from gateway.config import ConfigError, describe_effective, load_config, warnings
from gateway.settings import toml_value

ROOT = Path(__file__).parents[3]
SMALL = (ROOT / "tests" / "vectors" / "small-gateway.toml").read_text("utf-8")


def with_line(old: str, new: str) -> str:
    assert old in SMALL
    return SMALL.replace(old, new)


def test_a_small_file_gets_every_promised_default(written):
    config = written.load()
    shop, orange = config.accounts["shop"], config.bearers["orange"]
    assert (config.smpp.host, config.smpp.port, config.smpp.enquire_link) == ("127.0.0.1", 2775, 30.0)
    assert (config.http, config.mqtt, config.alertmanager, config.leds) == (None, None, None, None)
    assert (shop.name, shop.system_id, shop.stop_number, shop.rate) == ("shop", "shop", "36180", 2000.0)
    assert (shop.validity.otp, shop.on_doubt.marketing) == (300.0, "wait")
    assert (orange.reserve.otp, orange.retry.max, orange.receipt_timeout) == (1, 600.0, 259_200.0)
    assert (orange.link.window, orange.link.reconnect.max) == (50, 60.0)
    assert config.routes[0].tiers == (("orange",),)
    assert config.store.min_free_disk == 10**9
    assert config.state_dir == written.folder / "var"
    assert config.store_path == written.folder / "var" / "chappe.db"
    assert config.control_socket == written.folder / "var" / "control.sock"


def test_a_slow_bearer_reserves_nothing(written):
    assert written.load(with_line("rate = 100", "rate = 9")).bearers["orange"].reserve.otp == 0


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("rate = 100", "rate = 0", "9: bearers.orange.rate: must be greater than 0, is 0"),
        ("rate = 100", 'rate = "100"', '9: bearers.orange.rate: must be a number, is "100"'),
        ("rate = 100", "rate = inf", "9: bearers.orange.rate: must be greater than 0, is Infinity"),
        ("rate = 100", "rat = 100", "7: bearers.orange.rate: is required"),
        ("rate = 100", "rat = 100", "9: bearers.orange.rat: unknown key; did you mean 'rate'?"),
        ("port = 2776", "port = 27760000", "12: bearers.orange.link.port: must be 1 to 65535, is 27760000"),
        ("port = 2776", "", "10: bearers.orange.link.port: is required"),
        ("port = 2776", "prt = 2776", "12: bearers.orange.link.prt: unknown key; did you mean 'port'?"),
        ('"secret"\n', '"secret789"\n', "14: bearers.orange.link.password: must be 1 to 8 printable ASCII"),
        ('"secret08"', '"secret089"', "2: accounts.shop.password: must be 1 to 8 printable ASCII"),
        ('"smpp"', '"rcs"', "8: bearers.orange.driver: no driver 'rcs': use one of"),
        ('"smpp"', '"rcs"', "8: bearers.orange.driver: no driver 'rcs'"),
        ('["orange"]', '["orage"]', '17: routes.default.bearers: must name bearers (orange), is "orage"'),
        ('["orange"]', "[]", "17: routes.default.bearers: must be a list of bearers"),
        ('["orange"]', '["orange", ["orange"]]', "17: routes.default.bearers: must name each bearer once"),
        ('["orange"]', '["orange"]\nmatch = { accounts = ["sho"] }', "18: routes.default.match.accounts[0]: must name"),
        ('["orange"]', '["orange"]\nname = "x"', "18: routes.default.name: unknown key; the table's own name"),
        ("[accounts.shop]", "[acounts.shop]", "1: acounts: unknown key; did you mean 'accounts'?"),
        ("[accounts.shop]", "[gateway]\nnode = 256\n[accounts.shop]", "2: gateway.node: must be 0 to 255, is 256"),
        ("[accounts.shop]", '[gateway]\ntimezone = "Paris"\n[accounts.shop]', "2: gateway.timezone: must be a time zone"),
        ("[accounts.shop]", "[gateway]\nname = 1979-05-27\n[accounts.shop]", "2: gateway.name: must be a text"),
        ("[accounts.shop]", '[store]\nurl = "postgres://x"\n[accounts.shop]', '2: store.url: must be like "sqlite:'),
        ('"transactional"', '"promo"', '3: accounts.shop.default_kind: must be "otp", "alert", "transactional" or'),
        ('"transactional"', '"otp"\nkinds = ["alert"]', '3: accounts.shop.default_kind: must be among kinds (alert), is "otp"'),
        ('"transactional"', '"otp"\nkinds = []', "4: accounts.shop.kinds: must not be empty"),
        ('"transactional"', '"otp"\nnetworks = ["10.0.0.0/8",\n "10.0.0.1/8"]', "5: accounts.shop.networks[1]: must be a network"),
        ('"transactional"', '"otp"\nquota = { per_day = 1 }', "4: accounts.shop.quota.per_day: unknown key; did you mean 'segments_per_day'"),
        ('"transactional"', '"otp"\nvalidity = { otp = "5 minutes" }', "4: accounts.shop.validity.otp: must be a time like"),
        ('["CHAPPE"]', '["CHAPPE TELEGRAPHE"]', "4: accounts.shop.senders[0]: must be an international number"),
        ('["CHAPPE"]', '["*", "CHAPPE"]', '4: accounts.shop.senders: "*" allows all'),
        ('password = "secret08"', "", "1: accounts.shop.password_file: exactly one of"),
        ('password = "secret08"', 'password = "a"\npassword_hash = "b"', "1: accounts.shop.password_file: exactly one of"),
        ('password = "secret08"', 'password = "a"\npassword_hash = "b"', "3: accounts.shop.password_hash: must be what"),
        ('password = "secret08"', 'password = "a"\npassword_file = "b"', "3: accounts.shop.password_file: stands beside password"),
        ('password = "secret"\n', "", "10: bearers.orange.link.password_file: is required"),
        ("rate = 100", "rate = 10\nreserve = { otp = 10 }", "10: bearers.orange.reserve: keeps 10 segments"),
        ("[routes", "[mqtt]\nsubmit = ['x']\n[routes", '17: mqtt.submit[0]: must be an account of [accounts], is "x"'),
        ("[routes", "[mqtt]\nurl = 'mqtt://me:pw@h'\n[routes", "17: mqtt.url: must hold no name and no password"),
        ("[routes", "[mqtt]\nurl = 'mqtt://h/x'\n[routes", '17: mqtt.url: must be "mqtt://HOST:PORT"'),
        ("[routes", "[mqtt]\nurl = 'mqtt://h:99999'\n[routes", '17: mqtt.url: must be "mqtt://HOST:PORT"'),
        ("[routes", "[mqtt]\nca_file = 'c'\n[routes", "16: mqtt.url: has certificates beside it"),
        ("[routes", "[mqtt]\nversion = '4'\n[routes", '17: mqtt.version: must be "auto", "5" or "3.1.1"'),
        ("[routes", "[alertmanager]\naccount = 'x'\n[routes", "17: alertmanager.account: must be an account"),
        ("[routes", "[rules.hours]\nprofile = 'fr-21h'\n[routes", "17: rules.hours.profile: must be one of fr-seeds"),
        ("[routes", "[accounts.two]\nsystem_id='shop'\npassword='b'\ndefault_kind='otp'\n[routes", '17: accounts.two.system_id: "shop" is accounts.shop'),
        ("[routes", "[accounts.two]\nmo=['36180']\npassword='b'\ndefault_kind='otp'\n[routes", '17: accounts.two.mo[0]: replies to "36180"'),
        ("[routes", "[listeners.smpp]\ntls_key_file = 'k'\n[routes", "16: listeners.smpp.tls_certificate_file: needs tls_key_file"),
        ("[routes", "[listeners.http]\nport = 2775\n[routes", "17: listeners.http.port: is listeners.smpp's too: 2775"),
    ],
)  # fmt: skip
def test_a_fault_says_line_key_reason(written, old, new, fault):
    found = written.faults(with_line(old, new))
    assert any(line.startswith(fault) for line in found), found


def test_all_faults_at_once_in_file_order(written):
    text = with_line("rate = 100", "rate = 0").replace("port = 2776", "port = 0").replace("senders", "sender")
    text = text.replace('["orange"]', '["orange"]\nfallback_after = "soon"')
    keys = [line.split(": ")[1] for line in written.faults(text)]
    assert keys == [
        "accounts.shop.sender",
        "bearers.orange.rate",
        "bearers.orange.link.port",
        "routes.default.fallback_after",
    ]


def test_what_only_the_whole_tells_is_judged_beside_an_unknown_key(written):
    text = with_line('["orange"]', '["orage"]').replace("senders", "sender")
    assert [line.split(": ")[1] for line in written.faults(text)] == [
        "accounts.shop.sender",
        "routes.default.bearers",
    ]


def test_no_fault_repeats_a_secret(written):
    text = with_line('"secret08"', '"much-too-long"').replace('password = "secret"', "password = 123456")
    faults = "\n".join(written.faults(text))
    assert "password" in faults
    assert "much-too-long" not in faults
    assert "123456" not in faults


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[gateway\n", "1: Expected ']' at the end of a table declaration (column 9)"),
        ('[gateway]\nname = "a"\nname = "b"\n', "3: Cannot overwrite a value (column 11)"),
        ("[gateway]\nname =", "2: Invalid value (end of file)"),
    ],
)
def test_broken_toml_says_where(written, text, fault):
    assert written.faults(text) == [fault]


def test_a_missing_file_says_what_to_do(written):
    with pytest.raises(
        ConfigError, match=r"nowhere.toml: can't be read: No such file or directory; `chappe init DIR`"
    ):
        load_config(written.folder / "nowhere.toml", {})


# ── files ───────────────────────────────────────────────────────────────────────────────────────────────
def from_file(name: str = "credentials/shop") -> str:
    return with_line('password = "secret08"', f'password_file = "{name}"')


@pytest.mark.parametrize("place", ["credentials/shop", "var/credentials/shop"])
def test_a_password_file_stands_beside_the_file_or_in_state_dir(written, place):
    path = written.file(place, "s3cret\n")
    shop = written.load(from_file()).accounts["shop"]
    assert (shop.password, shop.password_file) == ("s3cret", path)


def test_systemd_credentials_come_first(written):
    written.file("credentials/shop", "old\n")
    path = written.file("run/shop", "new\n")
    shop = written.load(from_file(), CREDENTIALS_DIRECTORY=str(written.folder / "run")).accounts["shop"]
    assert (shop.password, shop.password_file) == ("new", path)


def test_systemd_folders(written):
    config = written.load(STATE_DIRECTORY="/var/lib/chappe:/var/lib/other", RUNTIME_DIRECTORY="/run/chappe")
    assert str(config.store_path) == "/var/lib/chappe/chappe.db"
    assert str(config.control_socket) == "/run/chappe/control.sock"
    assert str(config.store.hmac_key_file) == "/var/lib/chappe/hmac.key"


def test_state_dir_of_the_file_wins(written):
    config = written.load('[gateway]\nstate_dir = "data"\n' + SMALL, STATE_DIRECTORY="/var/lib/chappe")
    assert config.store_path == written.folder / "data" / "chappe.db"


@pytest.mark.parametrize(
    ("content", "reason"),
    [("ninechars\n", "must be 1 to 8 printable ASCII characters: SMPP 3.4 allows no more"), ("", "is empty")],
)
def test_what_a_password_file_holds_is_judged(written, content, reason):
    written.file("credentials/shop", content)
    (fault,) = written.faults(from_file())
    assert fault.startswith("2: accounts.shop.password_file: ")
    assert reason in fault


def test_a_carriers_password_file_fills_its_password(written):
    written.file("credentials/orange", "s3cret")
    config = written.load(with_line('password = "secret"\n', 'password_file = "credentials/orange"\n'))
    assert config.bearers["orange"].link.password == "s3cret"


def test_a_bearer_switched_off_is_not_opened_but_its_shape_is_judged(written):
    modem = '[bearers.sim1]\nenabled = false\ndriver = "modem"\nrate = 0.2\n[bearers.sim1.link]\n'
    config = written.load(SMALL + modem + 'port = "/dev/ttyUSB2"\n')
    assert list(config.bearers) == ["orange"]
    assert config.document.bearers["sim1"].quota.per_hour == 40
    assert written.faults(SMALL + modem + "baud = 9600\n") == ["22: bearers.sim1.link.port: is required"]
    assert written.faults(SMALL + modem + 'port = "auto"\n') == [
        '22: bearers.sim1.link.imei: is required where port = "auto"'
    ]


# ── the files that are promised ─────────────────────────────────────────────────────────────────────────
def test_every_key_of_the_contract_is_known(written):
    text = (ROOT / "tests" / "vectors" / "contract-gateway.toml").read_text("utf-8")
    text = text.replace('driver = "modem"', 'driver = "modem"\nenabled = false')
    for name in ("shop", "sim1-pin"):
        written.file(f"credentials/{name}", "1234\n")
    config = written.load(text)
    assert config.accounts["shop"].password == "1234"
    assert [route.name for route in config.routes] == ["france", "default"]
    assert config.routes[0].match.to == ("+33",)
    assert config.document.bearers["sim1"].link.baud == 115_200
    assert config.mqtt.interval == 10.0


def test_a_modem_that_no_profile_knows_is_told_with_those_there_are(written):
    modem = """[bearers.sim1]
driver = "modem"
rate = 1
[bearers.sim1.link]
port = "/dev/modem"
[bearers.sim1.power]
model = "sim9999"
pwrkey = "GPIO4"
"""
    with pytest.raises(ConfigError) as caught:
        written.load(SMALL + modem)
    (fault,) = caught.value.faults
    assert "bearers.sim1.power.model: no profile for a modem 'sim9999': there is ec25, " in str(fault)
    assert written.load(SMALL + modem.replace("sim9999", "sim7600"))


def test_every_commented_key_of_the_contract_is_known_too(written):
    text = (ROOT / "tests" / "vectors" / "contract-gateway.toml").read_text("utf-8")
    text = text.replace('driver = "modem"', 'driver = "modem"\nenabled = false')
    body = text.split("[gateway]", 1)[1]
    body = "\n".join(line.removeprefix("# ") for line in body.splitlines() if not line.startswith("# ──"))
    body = body.replace('account = "oncall"', 'account = "shop"')
    config = written.load("[gateway]" + body)
    assert config.http.tokens[0].role == "operator"
    assert config.document.bearers["sim1"].power.active_low == ("reset",)
    assert config.leds.modem == "GPIO22"
    assert config.alertmanager.groups == {"default": ("+33600000001",)}
    assert config.accounts["shop"].keywords["INFO"].startswith("Boutique")


@pytest.mark.parametrize(
    "file", ["gateway.toml", *(f"examples/{path.name}" for path in (ROOT / "config/examples").glob("*.toml"))]
)
def test_shipped_files_load(written, file):
    config = written.load((ROOT / "config" / file).read_text("utf-8"))
    assert config.accounts
    assert config.bearers


def test_the_shipped_default_shows_the_defaults(written):
    """A limit, time or switch that the annotated file shows is the one that holds without it."""
    from gateway.settings import to_table

    shown = to_table(written.load((ROOT / "config" / "gateway.toml").read_text("utf-8")).document)
    bare = to_table(written.load().document)
    for table in ("store", "control", "log", "listeners", "rules"):
        assert shown[table] == bare[table]
    for family, name, examples in (
        ("accounts", "shop", {"password", "password_file", "senders", "brand", "mo", "stop_number"}),
        ("bearers", "orange", {"link"}),
    ):
        entry, default = shown[family][name], bare[family][name]
        assert {key: entry[key] for key in entry.keys() - examples} == {
            key: default[key] for key in default.keys() - examples
        }
    link, default = shown["bearers"]["orange"]["link"], bare["bearers"]["orange"]["link"]
    secrets = {"password", "password_file"}
    assert {key: link[key] for key in link.keys() - secrets} == {
        key: default[key] for key in default.keys() - secrets
    }


def test_pydantic_waits_for_a_configuration_to_be_read():
    code = "import sys, gateway.config, gateway.accounts; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def paths(value, path=()):
    for key, inner in (
        value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ())
    ):
        yield (*path, key)
        yield from paths(inner, (*path, key))


@pytest.mark.parametrize("wrong", [1, -1.5, True, "", "x", [], [1, ["x"]], {}, {"x": {"y": []}}], ids=repr)
def test_whatever_stands_where_is_a_configuration_or_a_list_of_faults(written, wrong):
    """Every key of the contract, in turn, with a value of another type: never another exception."""
    text = (ROOT / "tests" / "vectors" / "contract-gateway.toml").read_text("utf-8")
    for path in paths(tomllib.loads(text)):
        table = tomllib.loads(text)
        table["bearers"]["sim1"]["enabled"] = False
        inner = table
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = wrong
        written.path.write_text(
            "\n".join(f"{key} = {toml_value(value)}" for key, value in table.items()), "utf-8"
        )
        try:
            config = load_config(written.path, {})
        except ConfigError as error:
            assert all(fault.line and fault.text for fault in error.faults), path
        else:
            warnings(config)
            describe_effective(config)


def test_no_secret_in_a_repr(written):
    shown = repr(written.load().document)
    assert "'CHAPPE'" in shown
    assert "'secret" not in shown
