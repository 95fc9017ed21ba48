"""D-Wave's cloud where there is none: what the client's real errors lead to."""

import socket

import numpy as np
import pytest
from dwave.system import DWaveSampler, LeapHybridSampler

from quantum_backends.annealing import dwave
from quantum_backends.annealing.dwave import CloudAnnealer, CloudHybrid, Connection
from quantum_backends.bqm import random_model
from quantum_backends.devices import UNREACHABLE
from quantum_backends.solver import Budget


@pytest.fixture
def nobody(monkeypatch, tmp_path):
    """A token, and an address on the loopback interface where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DWAVE_API_TOKEN", "none")
    monkeypatch.setenv("DWAVE_API_ENDPOINT", f"http://127.0.0.1:{port}/sapi/v2")


def test_without_a_token_nobody_is_called(monkeypatch):
    monkeypatch.setattr(dwave, "dwave_unconfigured", lambda: "no token")
    monkeypatch.setattr(dwave, "connect", pytest.fail)
    assert Connection(DWaveSampler).refusal() == "no token"


@pytest.mark.parametrize("kind", [DWaveSampler, LeapHybridSampler])
def test_what_cannot_be_reached_is_refused_and_left_alone_for_a_minute(nobody, monkeypatch, kind):
    tries = []
    connect = dwave.connect
    monkeypatch.setattr(dwave, "connect", lambda one: tries.append(one) or connect(one))
    cloud = Connection(kind)
    assert "cannot be reached" in cloud.refusal()
    assert cloud.refusal() == cloud.refusal()
    assert tries == [kind]
    monkeypatch.setattr(dwave, "_RETRY_S", 0.0)
    assert "cannot be reached" in cloud.refusal()
    assert tries == [kind, kind]


class _Failing:
    """A device that is there when it is opened and fails when it is used."""

    def min_time_limit(self, bqm):
        return 0.0

    def sample(self, *_, **__):
        raise ConnectionError("gone")


@pytest.mark.parametrize("sampler", [CloudAnnealer(), CloudHybrid()])
def test_a_device_that_fails_gives_no_samples_and_is_refused(nobody, monkeypatch, sampler):
    monkeypatch.setattr(dwave, "connect", lambda kind: _Failing())
    monkeypatch.setattr(dwave, "_Clique", lambda child: child)
    assert sampler.refusal() == ""
    samples = sampler.sample(random_model(4, 1.0, 0).coefficients, 0, Budget(1.0))
    assert len(np.asarray(samples.bits)) == 0
    assert "ConnectionError: gone" in sampler.refusal()


def test_the_status_of_what_cannot_be_reached(nobody):
    found = dwave.status(7.0)
    assert (found.state, found.asked_at) == (UNREACHABLE, 7.0)
