"""What a run counts, handed to Ray's metrics: its nodes export them for Prometheus.

Ray's side, as seen of 2.60: the driver tells its node's agent every `metrics_report_interval_ms`
(10 s) what counters grew by, and once more when it disconnects (`ray.shutdown`, also at the end of
the process). The agent adds up, and goes on to export counters and histograms after the driver has
ended, for as long as the node is there. A driver that is killed takes up to one interval along.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread

from ray.util.metrics import Counter, Gauge, Histogram

from fleet.core.run_events import RunEvent
from fleet.observe.metric import METRICS, Kind, Metric
from fleet.observe.metrics import RunMetrics, Sample
from fleet.observe.observer import Observer

EVERY_S = 2.0
"""How often Ray is told: several times within its own interval, or it drops gauges."""


class RayMetrics:
    """Watches a run, passes on what it sees, and tells Ray what is counted of it.

    A thread tells Ray: a value takes some 20 microseconds, which the loop is not to wait for.
    """

    def __init__(self, inner: Observer) -> None:
        self._inner = inner
        self._counted = RunMetrics()
        self._instruments = {metric: _instrument(metric) for metric in METRICS}
        self._lock = Lock()
        self._end = Event()
        self._thread = Thread(target=self._go_on, name="metrics", daemon=True)

    def on_event(self, event: RunEvent) -> None:
        """Take note of what happened just now; see Observer."""
        with self._lock:
            self._counted.fold(event)
        self._inner.on_event(event)

    def start(self) -> None:
        """Begin to tell Ray."""
        self._thread.start()

    def _go_on(self) -> None:
        while not self._end.wait(EVERY_S):
            self._tell()

    def _tell(self) -> None:
        with self._lock:
            samples = self._counted.drain()
        for sample in samples:
            _record(self._instruments[sample.metric], sample)

    def end(self) -> None:
        """Tell Ray the rest, which exports it when this process disconnects."""
        self._end.set()
        self._thread.join()
        self._tell()


def _instrument(metric: Metric) -> Counter | Gauge | Histogram:
    match metric.kind:
        case Kind.COUNTER:
            return Counter(metric.name, metric.text, metric.labels)
        case Kind.GAUGE:
            return Gauge(metric.name, metric.text, metric.labels)
        case Kind.HISTOGRAM:
            return Histogram(metric.name, metric.text, list(metric.bounds), metric.labels)


def _record(instrument: Counter | Gauge | Histogram, sample: Sample) -> None:
    match instrument:
        case Counter():
            instrument.inc(sample.value, dict(sample.labels))
        case Gauge():
            instrument.set(sample.value, dict(sample.labels))
        case Histogram():
            instrument.observe(sample.value, dict(sample.labels))


@contextmanager
def ray_metrics(inner: Observer, *, on: bool) -> Iterator[Observer]:
    """Give an observer that counts through Ray for as long as the context lasts; else `inner`.

    `on`: whether the process is connected to a cluster that outlives the run: nobody would come to
    ask a Ray that is started for it and ends with it.
    """
    if not on:
        yield inner
        return
    counting = RayMetrics(inner)
    counting.start()
    try:
        yield counting
    finally:
        counting.end()
