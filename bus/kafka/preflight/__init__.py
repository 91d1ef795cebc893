"""
Says what is wrong between us and Kafka, in one line each.

The client answers every fault alike, "Unable to bootstrap", after half a minute.
"""

from bus.kafka.preflight.access import check_access
from bus.kafka.preflight.diagnosis import Diagnosis
from bus.kafka.preflight.obstacle import explained, first_obstacle, is_usable
from bus.kafka.preflight.probe import check_connection
from bus.kafka.preflight.rights import Right, rights_of
from bus.kafka.preflight.shape import Wanted, check_shape
from bus.kafka.preflight.verdicts import FAULTS, Problem

__all__ = [
    "FAULTS",
    "Diagnosis",
    "Problem",
    "Right",
    "Wanted",
    "check_access",
    "check_connection",
    "check_shape",
    "explained",
    "first_obstacle",
    "is_usable",
    "rights_of",
]
