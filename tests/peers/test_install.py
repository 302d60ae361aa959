"""The installer's word on a peer that can't be had: it fails the suite, or is said aloud."""

from __future__ import annotations

import pytest
from peers import install


@pytest.fixture
def nothing_here(monkeypatch, tmp_path):
    """An installer with an empty cache and one peer that nobody has."""

    def gone() -> str:
        raise install.CannotHave("the network is down")

    monkeypatch.setattr(install, "CACHE", tmp_path)
    monkeypatch.setattr(install, "READY", tmp_path / "ready")
    monkeypatch.setattr(install, "PEERS", {"kannel": gone})
    monkeypatch.delenv("CHAPPE_SKIP_PEERS", raising=False)


@pytest.mark.parametrize(
    ("skip", "code", "shout"), [("", 1, "MISSING PEER"), ("1", 0, "*** SKIPPED PEER ***")]
)
def test_a_missing_peer_is_said_with_its_remedy(nothing_here, monkeypatch, capsys, skip, code, shout):
    monkeypatch.setenv("CHAPPE_SKIP_PEERS", skip)
    assert install.main([]) == code
    said = capsys.readouterr().err
    assert said.startswith(shout)
    assert "the network is down" in said
    assert "apt-get install kannel" in said
    assert install.why_missing("kannel") in said


@pytest.mark.parametrize(("skip", "outcome"), [("", pytest.fail.Exception), ("1", pytest.skip.Exception)])
def test_a_test_that_needs_it_fails_or_skips(nothing_here, monkeypatch, request, skip, outcome):
    monkeypatch.setenv("CHAPPE_SKIP_PEERS", skip)
    monkeypatch.setattr(install, "why_missing", lambda name: f"{name} is not here")
    setup = request.config.pluginmanager.hook.pytest_runtest_setup
    request.node.add_marker(pytest.mark.peers("kannel"))
    conftest = next(h.function for h in setup.get_hookimpls() if "conftest" in h.plugin_name)
    with pytest.raises(outcome, match="kannel is not here"):
        conftest(item=request.node)


def test_a_peer_that_became_available_is_ready(nothing_here, monkeypatch, capsys):
    assert install.main([]) == 1
    monkeypatch.setitem(install.PEERS, "kannel", lambda: "1.4.5")
    monkeypatch.setattr(install, "_still_there", lambda name: True)
    assert install.main([]) == 0
    assert install.why_missing("kannel") is None
    assert "kannel: 1.4.5 (brought now)" in capsys.readouterr().out
