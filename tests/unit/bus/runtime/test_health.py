"""What the admin port says of a process, in metrics too."""

from prometheus_client import REGISTRY

from bus.runtime.health import Check, Health, admin_app


def test_metrics_tell_whether_the_process_is_ready() -> None:
    """An alert needs no probe of its own; a degraded check leaves the process ready."""
    health, spool = Health(), [Check()]
    health.register("kafka", lambda: Check("away", is_degraded=True))
    health.register("spool", lambda: spool[0])
    admin_app(health)
    assert REGISTRY.get_sample_value("inferbus_ready") == 1

    spool[0] = Check("the disk is full")

    assert REGISTRY.get_sample_value("inferbus_ready") == 0
