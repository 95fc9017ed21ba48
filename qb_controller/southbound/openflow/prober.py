"""Sends the probes that measure latency, evenly over each second, and takes in what comes back."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from typing import Any

import eventlet

from qb_controller.model.rules import Action
from qb_controller.southbound import probe_frames
from qb_controller.southbound.carried import Carried
from qb_controller.southbound.openflow.installer import Installer
from qb_controller.southbound.openflow.translate import actions_of
from qb_controller.southbound.probing import Prober, Shot, targets

LOG = logging.getLogger(__name__)

ROUND_S = 1.0

TO_CONTROLLER: tuple[Action, ...] = (("controller",),)


class ProbeSender:
    """A greenlet that probes what the installer carries.

    Parameters
    ----------
    installer : Installer
    """

    def __init__(self, installer: Installer) -> None:
        self._installer = installer
        self._secret = os.urandom(probe_frames.SECRET_BYTES)
        self._known: Mapping[int, Carried] | None = None
        self.prober = Prober()

    def run(self) -> None:
        """Probe for ever."""
        while True:
            began = time.monotonic()
            try:
                self._round(began)
            except Exception:
                LOG.exception("probing latency failed")
            eventlet.sleep(max(0.05, began + ROUND_S - time.monotonic()))

    def _round(self, now: float) -> None:
        slices = self._installer.intent.slices
        if slices is not self._known:
            self.prober.know(targets(slices, lambda: eventlet.sleep(0)))
            self._known = slices
        shots = self.prober.due(self._installer.datapaths.keys(), now)
        for count, shot in enumerate(shots):
            self._send(shot)
            pause = now + ROUND_S * (count + 1) / len(shots) - time.monotonic()
            eventlet.sleep(max(0.0, pause))

    def _send(self, shot: Shot) -> None:
        dp = self._installer.datapaths.get(shot.dpid)
        if dp is None or dp.id in self._installer.unread:
            return
        actions = TO_CONTROLLER
        if shot.target is not None:
            if shot.target.group not in self._installer.actual.get(dp.id, {}):
                return  # not yet, or not any more
            actions = (("group", shot.target.group),)
        number = self.prober.sent(shot, time.monotonic())
        frame = probe_frames.frame(self._secret, number)
        dp.send_msg(_packet_out(dp, actions, frame))

    def arrived(self, dpid: int, data: bytes) -> bool:
        """Take in a frame that a switch handed over; False where it is no probe."""
        if not probe_frames.is_probe(data):
            return False
        number = probe_frames.number_of(data, self._secret)
        if number is not None:
            self.prober.arrived(number, dpid, time.monotonic())
        return True


def _packet_out(dp: Any, actions: tuple[Action, ...], frame: bytes) -> Any:
    ofp, parser = dp.ofproto, dp.ofproto_parser
    return parser.OFPPacketOut(
        datapath=dp,
        buffer_id=ofp.OFP_NO_BUFFER,
        in_port=ofp.OFPP_CONTROLLER,
        actions=actions_of(dp, actions),
        data=frame,
    )
