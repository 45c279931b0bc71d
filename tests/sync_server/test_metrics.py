"""The metrics are what Prometheus reads."""

from __future__ import annotations

import asyncio
import math

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from sync_server.metrics import CONTENT_TYPE, MOST_CHILDREN, Histogram, Registry, metrics_router
from tests.sync_server.servers import serving


def test_the_exposition_is_the_format_that_prometheus_reads() -> None:
    registry = Registry()
    frames = registry.counter("quire_frames_total", "Frames received.", labels=["kind", "way"])
    frames.labels("sync", "in").inc()
    frames.labels("sync", "in").inc(2)
    frames.labels('odd "kind"\\\n', "out").inc(0.5)
    registry.gauge("quire_peers", "Peers\nconnected.").labels().set(3)
    registry.gauge("quire_read", "Read when asked.").labels().read_from(lambda: 2.5)
    registry.counter("quire_unused_total", "Has labels, but no child yet.", labels=["kind"])
    commits = registry.histogram("quire_commit_seconds", "Commits.", bounds=[0.001, 0.5]).labels()
    for seconds in (0.001, 0.0011, 7.25):
        commits.observe(seconds)
    assert registry.exposition() == (
        "# HELP quire_frames_total Frames received.\n"
        "# TYPE quire_frames_total counter\n"
        'quire_frames_total{kind="sync",way="in"} 3\n'
        'quire_frames_total{kind="odd \\"kind\\"\\\\\\n",way="out"} 0.5\n'
        "# HELP quire_peers Peers\\nconnected.\n"
        "# TYPE quire_peers gauge\n"
        "quire_peers 3\n"
        "# HELP quire_read Read when asked.\n"
        "# TYPE quire_read gauge\n"
        "quire_read 2.5\n"
        "# HELP quire_commit_seconds Commits.\n"
        "# TYPE quire_commit_seconds histogram\n"
        'quire_commit_seconds_bucket{le="0.001"} 1\n'
        'quire_commit_seconds_bucket{le="0.5"} 2\n'
        'quire_commit_seconds_bucket{le="+Inf"} 3\n'
        "quire_commit_seconds_sum 7.2521\n"
        "quire_commit_seconds_count 3\n"
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [(math.nan, "NaN"), (math.inf, "+Inf"), (-math.inf, "-Inf"), (1e300, "1e+300"), (-0.25, "-0.25"), (7.0, "7")],
)
def test_numbers_are_written_as_prometheus_reads_them(value: float, written: str) -> None:
    registry = Registry()
    registry.gauge("g", "").labels().set(value)
    assert registry.exposition().endswith(f"g {written}\n")


@given(st.lists(st.floats(-10, 10)), st.lists(st.floats(-10, 10), min_size=1, unique=True).map(sorted))
def test_each_bucket_counts_what_is_at_most_its_bound(values: list[float], bounds: list[float]) -> None:
    histogram = Histogram(bounds)
    for value in values:
        histogram.observe(value)
    counts = [count for suffix, _, count in histogram.samples() if suffix == "_bucket"]
    assert counts == [sum(value <= bound for value in values) for bound in bounds] + [len(values)]


def test_a_gauge_goes_up_and_down_and_a_counter_does_not() -> None:
    registry = Registry()
    gauge = registry.gauge("g", "").labels()
    gauge.inc(3)
    gauge.dec()
    assert gauge.value == 2
    with pytest.raises(ValueError, match="cannot go down"):
        registry.counter("c_total", "").labels().inc(-1)


def test_names_that_prometheus_would_not_take_are_refused() -> None:
    registry = Registry()
    registry.gauge("taken", "")
    for make, said in (
        (lambda: registry.gauge("taken", ""), "already"),
        (lambda: registry.gauge("with-dash", ""), "no name for a metric"),
        (lambda: registry.gauge("a", "", labels=["__own"]), "no name for a label"),
        (lambda: registry.histogram("h", "", labels=["le"]), "no name for a label"),
        (lambda: registry.counter("without_suffix", ""), "ends in _total"),
        (lambda: registry.histogram("i", "", bounds=[2, 1]), "ascend"),
        (lambda: registry.histogram("j", "", bounds=[]), "ascend"),
    ):
        with pytest.raises(ValueError, match=said):
            make()


def test_a_label_that_takes_any_value_is_refused_before_it_fills_the_memory() -> None:
    metric = Registry().counter("c_total", "", labels=["notebook"])
    for number in range(MOST_CHILDREN):
        metric.labels(str(number)).inc()
    with pytest.raises(ValueError, match="no label"):
        metric.labels("one more")
    with pytest.raises(ValueError, match="has the labels"):
        metric.labels("a", "b")


def test_the_metrics_are_served() -> None:
    async def story() -> None:
        registry = Registry()
        registry.gauge("quire_peers", "Peers.").labels().set(1)
        app = FastAPI()
        app.include_router(metrics_router(registry))
        async with serving(lambda _: app) as server:
            answer = await server.http.get("/metrics")
        assert answer.headers["content-type"] == CONTENT_TYPE
        assert answer.text == registry.exposition()

    asyncio.run(story())
