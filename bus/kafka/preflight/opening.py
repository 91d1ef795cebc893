"""Every step to one server in order, up to a conversation in which anything may be asked."""

import ssl
from dataclasses import dataclass
from typing import Any

from kafka.protocol.metadata import MetadataRequest

from bus.kafka.preflight.deadline import Deadline
from bus.kafka.preflight.encryption import alert_problem, client_context, encrypt
from bus.kafka.preflight.login import log_in, offered_mechanisms
from bus.kafka.preflight.reach import Address, connect, connect_problem
from bus.kafka.preflight.second_look import Speaker, speaker_of, what_speaks
from bus.kafka.preflight.verdicts import ProbeFailedError, Problem, failed, problem
from bus.kafka.preflight.wire import (
    Conversation,
    HungUpError,
    StrangerError,
    UnsupportedRequestError,
)
from bus.runtime.settings_sections import KafkaSettings


@dataclass(frozen=True, slots=True)
class Opened:
    """A conversation that got through, and the brokers the server told of."""

    conversation: Conversation
    brokers: list[Any]


@dataclass(frozen=True, slots=True)
class Opener:
    """Takes the steps to one server. `step_s` is how long each of them may take."""

    address: Address
    settings: KafkaSettings
    step_s: float

    def open(self) -> Opened:
        """Return the open conversation. Raises `ProbeFailedError`."""
        conversation = self._greeted()
        try:
            brokers = self._let_in(conversation)
        except BaseException:
            conversation.close()
            raise
        return Opened(conversation, brokers)

    @property
    def _server(self) -> str:
        return str(self.address)

    @property
    def _uses_tls(self) -> bool:
        return self.settings.security_protocol.endswith("SSL")

    @property
    def _uses_sasl(self) -> bool:
        return self.settings.security_protocol.startswith("SASL_")

    def _greeted(self) -> Conversation:
        sock: Any = connect(self.address, Deadline(self.step_s))
        try:
            if self._uses_tls:
                context = client_context(self.settings)
                sock = encrypt(sock, self.address, context, Deadline(self.step_s))
            conversation = Conversation(sock, self.step_s)
            conversation.greet()
        except (TimeoutError, HungUpError, StrangerError, ssl.SSLError) as error:
            sock.close()
            raise ProbeFailedError(self._first_words_problem(error)) from error
        except OSError as error:
            sock.close()
            raise ProbeFailedError(self._network_problem(error)) from error
        except BaseException:
            sock.close()
            raise
        return conversation

    def _first_words_problem(self, error: Exception) -> Problem:
        speaker = self._speaker(error)
        if speaker == "web":
            return problem("web-server", self._server)
        if speaker == "tls" and not self._uses_tls:
            protocol = "SASL_SSL" if self._uses_sasl else "SSL"
            return problem("tls-wanted", self._server, protocol=protocol)
        if speaker == "kafka" and self._uses_tls:
            protocol = "SASL_PLAINTEXT" if self._uses_sasl else "PLAINTEXT"
            return problem("tls-not-wanted", self._server, protocol=protocol)
        if isinstance(error, ssl.SSLError) and speaker == "tls":
            return alert_problem(error, self.address, self.settings)
        return self._plain_problem(error, speaker)

    def _plain_problem(self, error: Exception, speaker: Speaker) -> Problem:
        if isinstance(error, TimeoutError) and speaker == "nobody":
            return problem("silent", self._server, waited=self.step_s)
        if isinstance(error, HungUpError):
            return problem("hung-up", self._server)
        if isinstance(error, TimeoutError):
            return problem("silent", self._server, waited=self.step_s)
        return problem("not-kafka", self._server)

    def _speaker(self, error: Exception) -> Speaker:
        if isinstance(error, StrangerError):
            said = speaker_of(error.opening)
            if said != "stranger":
                return said
        return what_speaks(self.address)

    def _let_in(self, conversation: Conversation) -> list[Any]:
        """Log in and prove that ordinary requests are answered."""
        try:
            if self._uses_sasl:
                log_in(conversation, self._server, self.settings)
            request = MetadataRequest(topics=[], allow_auto_topic_creation=False)
            brokers: list[Any] = conversation.ask(request).brokers
        except TimeoutError as error:
            raise failed("silent", self._server, waited=self.step_s) from error
        except HungUpError as error:
            raise ProbeFailedError(self._not_let_in()) from error
        except (StrangerError, UnsupportedRequestError, ssl.SSLError) as error:
            raise failed("not-kafka", self._server) from error
        except OSError as error:
            raise ProbeFailedError(self._network_problem(error)) from error
        return brokers

    def _network_problem(self, error: OSError) -> Problem:
        return connect_problem(error, self.address, Deadline(self.step_s))

    def _not_let_in(self) -> Problem:
        """A SASL listener answers a greeting and hangs up on anything else before a login."""
        offered = None if self._uses_sasl else self._offered()
        if offered is None:
            return problem("hung-up", self._server)
        protocol = "SASL_SSL" if self._uses_tls else "SASL_PLAINTEXT"
        return problem("login-wanted", self._server, offered=offered, protocol=protocol)

    def _offered(self) -> str | None:
        with self._greeted() as conversation:
            try:
                return offered_mechanisms(conversation)
            except (OSError, HungUpError, StrangerError, UnsupportedRequestError):
                return None
