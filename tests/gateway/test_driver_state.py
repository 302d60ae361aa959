"""A driver's own facts outlive the process, each bearer's for itself."""

from making import opened, run

from gateway.driver_state import DriverState


def test_facts_are_kept_by_bearer(tmp_path):
    async def story():
        async with opened(tmp_path / "db") as store:
            one, two = DriverState(store, "one"), DriverState(store, "two")
            assert await one.get("pin") is None
            await one.put("pin", "1234")
            await two.put("pin", "9")
            await one.put("pin", "4321")
        async with opened(tmp_path / "db") as store:
            assert await DriverState(store, "one").get("pin") == "4321"
            assert await DriverState(store, "two").get("pin") == "9"

    run(story())
