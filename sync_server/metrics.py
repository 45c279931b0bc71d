"""Counters, gauges and histograms, and the text in which Prometheus reads them.

A registry owns its metrics; a metric is one name with a fixed set of labels and one child per combination of their
values. Counting is an addition on the event loop, so children are to be touched only there, and kept by those who count
often. The output is the text exposition format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/).
That is all there is to it, which is why this is not the client library: that one brings a global registry, locks and
process-wide collectors.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from fastapi import APIRouter
from starlette.responses import PlainTextResponse

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
# Seconds, from a local hop (0.1 ms) to a stall that people notice (5 s), about three a decade.
SECONDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
MOST_CHILDREN: Final = 1000  # combinations of label values; more is a mistake, such as a label that is a notebook's id
_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
_LABEL: Final = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*\Z")


class Counter:
    """A number that only grows."""

    kind: Final = "counter"

    def __init__(self) -> None:
        self.value = 0.0

    def inc(self, amount: float = 1) -> None:
        """Add `amount`, which is not negative."""
        if amount < 0:
            raise ValueError(f"a counter cannot go down by {-amount}; use a gauge")
        self.value += amount

    def samples(self) -> list[tuple[str, str, float]]:
        """Suffix, further label, value."""
        return [("", "", self.value)]


class Gauge:
    """A number that goes up and down, set or read from a function when the metrics are asked for."""

    kind: Final = "gauge"

    def __init__(self) -> None:
        self.value = 0.0
        self._read: Callable[[], float] | None = None

    def set(self, value: float) -> None:
        """Make it this."""
        self.value = value

    def inc(self, amount: float = 1) -> None:
        """Add `amount`."""
        self.value += amount

    def dec(self, amount: float = 1) -> None:
        """Take `amount` away."""
        self.value -= amount

    def read_from(self, read: Callable[[], float]) -> None:
        """From now on the value is what `read` returns, which is called on the event loop."""
        self._read = read

    def samples(self) -> list[tuple[str, str, float]]:
        """Suffix, further label, value."""
        return [("", "", self._read() if self._read is not None else self.value)]


class Histogram:
    """How many observations fell into which of some fixed buckets, how many there were, and their sum."""

    kind: Final = "histogram"

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        """`bounds` are the buckets' upper ends, themselves included, in ascending order; one without end is added."""
        if list(bounds) != sorted(set(bounds)) or not bounds:
            raise ValueError("a histogram's bounds must ascend")
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count one observation."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    def samples(self) -> list[tuple[str, str, float]]:
        """Suffix, further label, value; buckets are cumulative."""
        result: list[tuple[str, str, float]] = []
        total = 0
        for bound, count in zip((*self._bounds, math.inf), self._counts, strict=True):
            total += count
            result.append(("_bucket", f'le="{_number(bound)}"', total))
        return [*result, ("_sum", "", self.sum), ("_count", "", total)]


C = TypeVar("C", bound=Counter | Gauge | Histogram)


class Metric(Generic[C]):
    """One name, with its children. Made by a Registry."""

    def __init__(self, name: str, help_text: str, labels: Sequence[str], make: Callable[[], C]) -> None:
        self.name = name
        self._help = help_text
        self._labels = tuple(labels)
        self._make = make
        self._children: dict[tuple[str, ...], C] = {}
        if not labels:
            self.labels()

    def labels(self, *values: str) -> C:
        """The child with these label values, in the order of the labels' names; without labels, the only one."""
        child = self._children.get(values)
        if child is None:
            if len(values) != len(self._labels):
                raise ValueError(f"{self.name} has the labels {self._labels}, not {len(values)} of them")
            if len(self._children) >= MOST_CHILDREN:
                raise ValueError(f"{self.name} has {MOST_CHILDREN} combinations of label values; that is no label")
            child = self._children[values] = self._make()
        return child

    def lines(self) -> list[str]:
        """Its part of the exposition."""
        if not self._children:
            return []
        kind = next(iter(self._children.values())).kind
        lines = [f"# HELP {self.name} {_escaped(self._help)}", f"# TYPE {self.name} {kind}"]
        for values, child in self._children.items():
            named = zip(self._labels, values, strict=True)
            own = [f'{label}="{_escaped(text, quotes=True)}"' for label, text in named]
            for suffix, further, number in child.samples():
                pairs = ",".join([*own, further] if further else own)
                braced = f"{{{pairs}}}" if pairs else ""
                lines.append(f"{self.name}{suffix}{braced} {_number(number)}")
        return lines


class Registry:
    """All metrics of one hub, by name. Owns them."""

    def __init__(self) -> None:
        self._metrics: dict[str, Metric[Counter] | Metric[Gauge] | Metric[Histogram]] = {}

    def counter(self, name: str, help_text: str, labels: Sequence[str] = ()) -> Metric[Counter]:
        """A new counter; its name ends in `_total`. Raises ValueError for a name that is taken or malformed."""
        if not name.endswith("_total"):
            raise ValueError(f"the name of a counter ends in _total: {name}")
        self._check(name, labels)
        metric = self._metrics[name] = Metric(name, help_text, labels, Counter)
        return metric

    def gauge(self, name: str, help_text: str, labels: Sequence[str] = ()) -> Metric[Gauge]:
        """A new gauge. Raises ValueError for a name that is taken or malformed."""
        self._check(name, labels)
        metric = self._metrics[name] = Metric(name, help_text, labels, Gauge)
        return metric

    def histogram(
        self, name: str, help_text: str, labels: Sequence[str] = (), bounds: Sequence[float] = SECONDS
    ) -> Metric[Histogram]:
        """A new histogram; its name ends in its unit. Raises ValueError for a name that is taken or malformed."""
        self._check(name, labels)
        metric = self._metrics[name] = Metric(name, help_text, labels, lambda: Histogram(bounds))
        return metric

    def exposition(self) -> str:
        """The text for Prometheus."""
        return "".join(f"{line}\n" for metric in self._metrics.values() for line in metric.lines())

    def _check(self, name: str, labels: Sequence[str]) -> None:
        if name in self._metrics:
            raise ValueError(f"there already is a metric {name}")
        if not _NAME.match(name):
            raise ValueError(f"{name!r} is no name for a metric")
        for label in labels:
            if not _LABEL.match(label) or label == "le":
                raise ValueError(f"{label!r} is no name for a label of {name}")


def metrics_router(registry: Registry) -> APIRouter:
    """`GET /metrics`. Not an open path: give Prometheus the token as its bearer token."""
    router = APIRouter()

    @router.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> PlainTextResponse:
        """All metrics in the text exposition format."""
        return PlainTextResponse(registry.exposition(), media_type=CONTENT_TYPE)

    return router


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(float(value))


def _escaped(text: str, *, quotes: bool = False) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quotes else text
