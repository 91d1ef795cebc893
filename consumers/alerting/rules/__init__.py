"""What is alerted on: one file per rule."""

from consumers.alerting.rules.base import Rule
from consumers.alerting.rules.failures import Failures

BUILT_IN: tuple[Rule, ...] = (Failures(),)
