"""What can go wrong with the tests' own Kafka, said so that one knows what to do."""


class KafkaFixtureError(Exception):
    """The tests' Kafka could not do what was asked."""


class KafkaUnavailableError(KafkaFixtureError):
    """This machine cannot run Kafka, or not in the way asked for; the message says why."""


class KafkaStartError(KafkaFixtureError):
    """A node ended, or stayed silent, instead of starting; the message quotes its log."""
