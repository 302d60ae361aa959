"""States and figures as MQTT shows them: by the schemas, still while nothing changes, silent about people."""

import json

from making import run
from mqtting import GATEWAY, PREFIX, check, gateway_with, started, until

from gateway.topics import Tree, encode
from gateway.watchers.mqtt_views import Views

TREE = Tree("chappe/v1", "lab", "lyon-1")


def viewing(tmp_path, story):
    async def main():
        async with started(tmp_path, GATEWAY) as app:
            await until(lambda: app.dispatcher.roads["sim"].open)
            app.config = _with_mqtt(tmp_path)
            await story(Views(app, TREE), app)

    run(main())


def _with_mqtt(folder):
    """The same configuration with [mqtt], and nobody who serves it."""
    from gateway.config import load_config

    (folder / "other.toml").write_text(gateway_with(1, 'submit = ["shop"]'))
    return load_config(folder / "other.toml", {})


def published(topics):
    """As they go out, each by its schema."""
    views = {topic: json.loads(encode(view)) for topic, view in topics.items()}
    for topic, view in views.items():
        check(topic, view)
    return {topic.removeprefix(f"{PREFIX}/"): view for topic, view in views.items()}


def test_states(tmp_path):
    async def story(views, app):
        app.alarms.raise_("bearer.sim", "critical", "it is down")
        states = published(views.states())
        assert set(states) == {
            "info", "bearer/sim/state", "account/shop/state", "account/oncall/state", "alarm/bearer.sim",
        }  # fmt: skip
        assert (states["bearer/sim/state"]["state"], states["account/shop/state"]["state"]) == ("up", "away")
        assert states["alarm/bearer.sim"]["cause"] == "it is down"
        assert states["info"]["submit"] == ["shop"]

    viewing(tmp_path, story)


def test_a_bearer_that_tries_again_and_again_is_one_state(tmp_path):
    """Its countdown and the words of each try are no change: a retained state would be published for hours."""

    async def story(views, app):
        topic, road = TREE("bearer", "sim", "state"), app.dispatcher.roads["sim"]
        told = {
            "name": "bind/1",
            "state": "down",
            "detail": "the peer closed",
            "failures": 1,
            "next_try": 1.1,
        }
        road.status = {"bind/1": told}
        first = views.states()[topic]
        assert published({topic: first})["bearer/sim/state"]["binds"] == [
            {"name": "bind/1", "state": "down", "detail": "the peer closed"}
        ]
        road.status = {
            "bind/1": {**told, "detail": "refused", "failures": 2, "next_try": 2.3, "next_try_seconds": 9}
        }
        assert views.states()[topic] is first
        road.status = {"bind/1": {**told, "state": "bound"}}
        assert views.states()[topic]["binds"][0]["state"] == "bound"

    viewing(tmp_path, story)


def test_a_state_is_the_same_object_while_nothing_changes(tmp_path):
    async def story(views, app):
        road = app.dispatcher.roads["sim"]
        topic = TREE("bearer", "sim", "state")
        first = views.states()
        assert all(first[name] is view for name, view in views.states().items())
        road.accepted += 100
        road.adaptive.paused_until = app.clock.now() + 60
        paused = views.states()[topic]
        assert paused["state"] == "paused"
        assert "throttled" in paused["detail"]
        road.adaptive.paused_until = app.clock.now() + 50  # the countdown is a figure
        assert views.states()[topic] is paused
        road.adaptive.paused_until = 0.0
        up = views.states()[topic]
        assert (up["state"], up["detail"]) == ("up", "")
        road.disabled = "ana"
        disabled = views.states()[topic]
        assert (disabled["state"], disabled["detail"]) == ("disabled", "by ana")
        assert disabled["since"] > first[topic]["since"]
        app.accounts.get("shop").bound = 2
        bound = views.states()[TREE("account", "shop", "state")]
        assert (bound["state"], bound["binds"]) == ("bound", 2)

    viewing(tmp_path, story)


def test_a_full_window_is_a_figure_and_no_state(tmp_path):
    async def story(views, app):
        app.dispatcher.roads["sim"].bearer.credit = lambda: 0
        assert views.states()[TREE("bearer", "sim", "state")]["state"] == "up"

    viewing(tmp_path, story)


def test_a_modem_shows_its_network_and_not_its_owner(tmp_path, monkeypatch):
    async def story(views, app):
        road = app.dispatcher.roads["sim"]
        monkeypatch.setattr(type(road.bearer), "from_own_number", True, raising=False)
        road.status["sim card"] = {
            "operator": "Orange F", "dbm": -71, "roaming": False, "number": "+33612345678", "imsi": "208011234567890",
            "iccid": "8933012345678901234", "note": "calls +33612345678",
        }  # fmt: skip
        states = published(views.states())
        (bind,) = [bind for bind in states["modem/sim/state"]["binds"] if bind["name"] == "sim card"]
        assert bind == {
            "name": "sim card", "operator": "Orange F", "dbm": -71, "roaming": False, "note": "calls +336…678",
        }  # fmt: skip
        for private in ("33612345678", "208011234567890", "8933012345678901234"):
            assert private not in json.dumps(states)

    viewing(tmp_path, story)


def test_a_bearer_that_is_being_bound_anew_is_down_and_not_gone(tmp_path):
    async def story(views, app):
        await app.close_bearer("sim", 0.0)
        view = published(views.states())["bearer/sim/state"]
        assert (view["state"], view["reason"]) == ("down", "stopped")
        assert views.states()[TREE("bearer", "sim", "state")]["since"] == view["since"]

    viewing(tmp_path, story)


def test_status_words(tmp_path):
    async def story(views, app):
        def word(asked="ready"):
            view = views.status(asked)
            check(f"{PREFIX}/status", json.loads(encode(view)))
            return view["state"], view["condition"]

        assert word("init") == ("init", "ready")
        assert word() == ("ready", "ready")
        first = views.status("ready")
        app.dispatcher.roads["sim"].disabled = "ana"
        assert word() == ("ready", "degraded")
        assert views.status("ready") is not first
        app.lookout.low = "12 MB free"
        refusing = views.status("ready")
        app.lookout.low = "11 MB free"  # it shrinks each second: the same condition
        assert views.status("ready") is refusing
        app.lookout.low = ""
        app.drained = "drained by ana"
        assert word() == ("draining", "drained")
        app.draining = True
        assert word() == ("draining", "stopping")
        assert word("disconnected") == ("disconnected", "stopping")
        app.draining, app.drained = False, ""

    viewing(tmp_path, story)


def test_figures(tmp_path):
    async def story(views, app):
        from gateway.listeners.texts import submission

        shop = app.accounts.get("shop")
        message = submission(shop, "+33612345678", "hello", app.clock.wall_ms() / 1000, kind="otp")
        await app.intake.submit(shop, [message]).durable
        await until(lambda: app.dispatcher.roads["sim"].accepted)
        figures = published(await views.metrics())
        kinds = ("otp", "alert", "transactional", "marketing")
        assert set(figures) == {
            "bearer/sim/metrics", "store/metrics", "account/shop/metrics", "account/oncall/metrics",
            *(f"queue/{kind}/metrics" for kind in kinds),
        }  # fmt: skip
        assert figures["bearer/sim/metrics"]["accepted"] == 1
        assert figures["queue/otp/metrics"]["admitted"] == figures["account/shop/metrics"]["admitted"] == 1
        assert (
            figures["queue/alert/metrics"]["admitted"] == figures["account/oncall/metrics"]["admitted"] == 0
        )

    viewing(tmp_path, story)
