"""The driver 'simulated' as the bearer contract's suite plays with it: see tests/contracts/rigs.py."""

from drivers import simulated

__all__ = ["SimulatedRig"]

ANSWERS = {
    "take": {"error_percent": 0.0, "silent_percent": 0.0},
    "refuse": {"error_percent": 100.0, "silent_percent": 0.0},
    "silence": {"error_percent": 0.0, "silent_percent": 100.0},
}


class SimulatedRig:
    answer_timeout = 0.2

    async def __aenter__(self):
        settings = simulated.Settings(
            latency=0.005, window=8, response_timeout=self.answer_timeout, down_for=0.05, receipts=False
        )
        self.bearer = simulated.open("rehearsal", settings, None)
        return self

    async def __aexit__(self, *_):
        pass

    def answer(self, how):
        self.bearer.behave(**ANSWERS[how])

    def answer_late(self):
        return 0  # its silence is for ever

    def cut(self):
        self.bearer.cut()

    def deliver(self, count):
        for _ in range(count):
            self.bearer.inject_mo("+33612345678", "36180", "Bonjour")

    @property
    def told(self):
        return self.bearer.counts["stored"]

    @property
    def denied(self):
        return self.bearer.counts["not_stored"]
