"""What speaks HTTP is opened only where it is configured, and a reload checks all of it before it changes any."""

import pytest
from running_http import SHOP, Site
from webhook_ends import Hook

from gateway.config import ConfigError


def test_without_a_webhook_none_is_made(tmp_path):
    with Site(tmp_path) as site:
        assert site.app.web.webhooks is None
        assert site.app.web.http is not None


def test_a_secret_that_is_gone_refuses_the_whole_reload(tmp_path):
    (tmp_path / "secret").write_text("between us")
    with (
        Hook() as hook,
        Site(tmp_path, shop=f'webhook = "{hook.url}"\nwebhook_secret_file = "secret"') as site,
    ):
        (tmp_path / "secret").unlink()
        site.path.write_text(site.path.read_text().replace("rate = 1000", "rate = 7"))
        with pytest.raises(ConfigError, match="secret can't be read"):
            site.run(site.app.reload())
        assert site.app.dispatcher.roads["sim"].throttle.rate == 1000
        (tmp_path / "secret").write_text("another")
        site.run(site.app.reload())
        site.send()
        hook.until(lambda h: h.posts)
        assert hook.posts[0].is_signed_with(b"another"), "a reload reads secrets again"


def test_a_listener_that_comes_or_goes_takes_a_restart(tmp_path):
    with Site(tmp_path) as site:
        site.path.write_text(
            site.path.read_text().replace(f"port = {site.http_port}", f"port = {site.http_port + 1}")
        )
        error = site.refused("reload")
        assert "listeners.http.port" in str(error)
        assert site.http("GET", "/v1/messages/1", SHOP).status == 404


def test_a_second_stop_does_nothing(tmp_path):
    with Site(tmp_path) as site:
        site.run(site.app.web.stop())
        site.run(site.app.web.stop())
        assert site.app.web.http is None
