"""Bytes as nobody means them, at the endpoint's ports: it answers, and goes on."""

import asyncio
import os
import urllib.request
from collections.abc import Iterator

import pytest

from tests.faults.clusters import Clusters
from tests.faults.conftest import QUICK
from tests.faults.draining import metric
from tests.faults.fuzzing import Findings, Target, fuzz
from tests.faults.report import REPORT, scaled
from tests.faults.system import Plan, System, running_system

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.timeout(1200)]

_GROWN = 1.2
"""Memory afterwards, by memory before."""
SEED = int(os.environ.get("INFERBUS_TEST_FUZZ_SEED", "1"))
_BODY = b'{"request_id":"honest","inference_status":{"status":"succeeded"}}'


@pytest.fixture(scope="module")
def endpoint(clusters: Clusters, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """An endpoint alone, on a Kafka that works."""
    cluster = clusters.give(1, QUICK)
    plan = Plan(storages=(), has_alerting=False)
    with running_system(tmp_path_factory.mktemp("fuzz"), cluster.bootstrap_servers, plan) as system:
        yield system


def test_h5_mutated_calls(endpoint: System) -> None:
    """
    No 5xx but for want of room, no end, no traceback, no memory that stays away.

    12 s; `INFERBUS_TEST_FAULTS=full` makes it 10 minutes.
    """
    service = endpoint["ingest"]
    pid = service.pid
    warm = asyncio.run(fuzz(_targets(endpoint), scaled(4, 60), SEED))
    before_mb = service.rss_mb()

    findings = asyncio.run(fuzz(_targets(endpoint), scaled(8, 540), SEED + 1))

    grown = service.rss_mb() / before_mb
    tracebacks = [line for line in service.log.splitlines() if _is_traceback(line)]
    _report(findings, grown, is_sound=not (findings.faults or tracebacks) and grown <= _GROWN)
    assert warm.faults + findings.faults == []
    assert {200, 202, 400, 401, 404, 405} <= set(findings.statuses), findings.statuses
    assert service.is_running
    assert service.pid == pid
    assert tracebacks == []
    assert grown <= _GROWN
    assert _post(endpoint.urls[0]) == 200
    assert _is_balanced(service.admin_url)


def _targets(endpoint: System) -> list[Target]:
    url = endpoint.urls[0].removeprefix("http://127.0.0.1:")
    port, _, path = url.partition("/")
    token = endpoint.token.encode()
    paths = [
        *[f"/{path}".encode()] * 6,
        *(b"/webhooks/deepinfra/wrong", b"/webhooks/nobody/%b" % token, b"/webhooks/replicate"),
        *(b"/blobs/" + b"0" * 64, b"/", b"*", b"/webhooks/%ff/%00", b"http://x/webhooks/deepinfra"),
    ]
    admin_port = endpoint["ingest"].admin_url.rpartition(":")[2]
    admin = Target(
        int(admin_port), (b"/livez", b"/readyz", b"/metrics", b"/metrics?name[]=x", b"/x")
    )
    ingest = Target(int(port), paths)
    return [ingest] * 9 + [admin]


def _is_traceback(line: str) -> bool:
    return "Traceback" in line or '"exception":' in line or '"exc_info"' in line


def _post(url: str) -> int:
    request = urllib.request.Request(url, data=_BODY, method="POST")  # noqa: S310 - loopback
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as answer:
        return int(answer.status)


def _is_balanced(admin_url: str) -> bool:
    """Every call that was counted in was counted out."""
    received = metric(admin_url, "inferbus_deliveries_received_total") or 0
    answered = metric(admin_url, "inferbus_deliveries_total") or 0
    inflight = metric(admin_url, "inferbus_inflight") or 0
    return received > 0 and received == answered + inflight


def _report(findings: Findings, grown: float, *, is_sound: bool) -> None:
    by_class = dict.fromkeys((2, 4, 5), 0)
    for status, count in findings.statuses.items():
        by_class[status // 100] = by_class.get(status // 100, 0) + count
    REPORT.add(
        row="H5",
        what=f"mutated calls, {findings.by_design} of the 5xx by design",
        calls=findings.calls,
        acked=by_class[2],
        refused=by_class[4] + by_class[5],
        rss=round(grown, 2),
        verdict="holds" if is_sound else "FAILS",
    )
