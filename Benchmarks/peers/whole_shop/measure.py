"""One run of one shop: on empty servers, warmed, under load until all is settled, and checked; or at rest."""
import time

from . import cost, log
from .servers import Failure

FACTS = 7


class Bench:
    def __init__(self, options, work, postgres, broker, load):
        self.options, self.work, self.postgres, self.broker, self.load = options, work, postgres, broker, load
        self.ids = work / "ids"

    def run(self, shop, rate):
        """Posts at `rate` orders a second; None: leaves the shop alone."""
        try:
            self._prepare(shop)
            return self._rest(shop) if rate is None else self._measure(shop, rate)
        finally:
            status = shop.stop()
            if status:
                print(f"  {shop.label} ended with status {status}; see {shop.log}")

    def _post(self, shop, seconds, *arguments):
        return self.load.run(
            "post", "-api", shop.api, "-look", shop.look, "-ids", self.ids, "-brokers", self.broker.address,
            "-topic", "order-events", "-facts", FACTS, *arguments, views_url=shop.views_url(), seconds=seconds)

    def _prepare(self, shop):
        self.broker.fresh()
        self.postgres.fresh()
        self.ids.unlink(missing_ok=True)
        shop.start()
        warm = self.options.warm
        patience = 120 + warm / 50
        result = self._post(shop, patience + 120, "-orders", warm, "-connections", 16, "-drain", patience)
        if result["settled"] < warm or not result["told"]:
            raise Failure(f"{shop.label}: of {warm} orders before the measurement {result['taken']} were taken and "
                          f"{result['settled']} settled, {result.get('problem', 'all answered')}; see {shop.log}")
        self.postgres.settle()
        time.sleep(2)
        if not cost.await_quiet(self.options.noise, self.options.quiet):
            print("  others are busy on this machine; going on")

    def _roots(self, shop):
        return {"shop": shop.child.pid, "postgres": self.postgres.child.pid, "broker": self.broker.child.pid}

    def _measure(self, shop, rate):
        options = self.options
        before, meter = self.postgres.counters(), cost.Meter(**self._roots(shop))
        load = self._post(
            shop, options.seconds + options.drain + 120, "-rate", rate, "-seconds", options.seconds,
            "-probes", min(options.probes, rate / 2), "-connections", int(min(256, max(16, rate / 2))),
            "-drain", options.drain)
        used, noise, _ = meter.read()
        end = self.postgres.counters()["wal"]
        time.sleep(1.2)  # sessions report what they have committed once a second
        after = self.postgres.counters()
        memory = {name: cost.memory(pid) for name, pid in self._roots(shop).items()}
        whole = load["settled"] == load["taken"] > 0 and load["told"]
        verdict = {"exact": False, "detail": f"{load['taken'] - load['settled']} orders unsettled"}
        if whole:
            verdict = self.load.run("facts", "-brokers", self.broker.address, "-ids", self.ids, "-api", shop.api,
                                    seconds=600 + options.warm / 500)
        orders = max(1, load["taken"])
        lag = load["settleSeconds"] - load["postedSeconds"]
        each = lambda name: None if after[name] is None else (after[name] - before[name] - load["looks"]) / orders
        return {
            "shop": shop.label, "rate": rate, "noise": noise, "whole": whole, "load": load,
            "settledPerSecond": load["settled"] / max(load["settleSeconds"], 0.001), "lag": lag,
            "keptUp": whole and load["taken"] == load["offered"] and lag < options.lag
            and load["postedSeconds"] < options.seconds * 1.02 + 1,
            # Of a run that wasn't finished, nothing: a part of the work has no price an order.
            "cpu": {name: 1000 * seconds / orders if whole else None for name, seconds in used.items()},
            "wal": (end - before["wal"]) / orders / 1000 if whole else None,
            "commits": each("commits") if whole else None,
            "statements": each("statements") if whole else None, "memory": memory,
            "log": log.report(log.account(self.postgres, before["wal"], end), orders) if options.log else None,
            **verdict,
        }

    def _rest(self, shop):
        time.sleep(10)  # what follows the last order
        before, meter = self.postgres.counters(), cost.Meter(**self._roots(shop))
        time.sleep(self.options.idle)
        used, noise, seconds = meter.read()
        after = self.postgres.counters()
        return {
            "shop": shop.label, "rate": None, "noise": noise, "exact": True, "detail": "at rest",
            "cores": {name: value / seconds for name, value in used.items()},
            "wal": (after["wal"] - before["wal"]) / seconds, "commits": (after["commits"] - before["commits"]) / seconds,
        }
