"""The Ryu application: ``ryu-manager qb_controller.app``.

Handlers of a few lines; what they decide lies in :mod:`qb_controller.southbound`, what they wait
for runs in greenlets of its own.
"""

from __future__ import annotations

import logging
from typing import Any

from ryu import cfg
from ryu.base import app_manager
from ryu.controller import ofp_event
from ryu.controller.handler import DEAD_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from ryu.ofproto import ofproto_v1_3
from ryu.topology import event as topology_event

from qb_controller import config
from qb_controller.controller import Controller
from qb_controller.errors import QBError
from qb_controller.model.network import LinkId
from qb_controller.southbound.openflow import arp, guard

config.register(cfg.CONF)
# Ryu's discovery looks at this option when it is made, which is after this module is imported.
cfg.CONF.set_default("observe_links", True)
# A datapath that is silent for this long is dead; Open vSwitch answers within milliseconds.
cfg.CONF.set_default("echo_request_interval", 5.0)
cfg.CONF.set_default("maximum_unreplied_echo_requests", 3)

guard.install()
app_manager.require_app("ryu.topology.switches")
app_manager.require_app("ryu.app.ofctl.service")


class QBackbone(app_manager.RyuApp):
    """Q-Backbone's controller."""

    OFP_VERSIONS = [ofproto_v1_3.OFP_VERSION]  # noqa: RUF012  (Ryu reads it as it is)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        logging.getLogger("ryu.topology").setLevel(logging.WARNING)
        try:
            config.check_config_files(self.CONF.config_file or [])
            self.controller = Controller(self, self.CONF)
        except QBError as error:
            self.logger.error("%s", error)
            raise SystemExit(2) from None
        self.controller.start()

    def close(self) -> None:
        """End what was started."""
        self.controller.stop()

    @set_ev_cls(ofp_event.EventOFPStateChange, [MAIN_DISPATCHER, DEAD_DISPATCHER])
    def on_state(self, event: Any) -> None:
        """A switch finished its handshake, or its connection ended."""
        if event.state == MAIN_DISPATCHER:
            self.controller.switch_connected(event.datapath)
        elif event.datapath.id is not None:
            self.controller.switch_disconnected(event.datapath)

    @set_ev_cls(ofp_event.EventOFPPortStatus, MAIN_DISPATCHER)
    def on_port(self, event: Any) -> None:
        """A port appeared, changed or went."""
        message = event.msg
        deleted = message.reason == message.datapath.ofproto.OFPPR_DELETE
        self.controller.port_changed(message.datapath, message.desc, deleted=deleted)

    @set_ev_cls(topology_event.EventLinkAdd)
    def on_link(self, event: Any) -> None:
        """LLDP crossed a link for the first time."""
        self.controller.link_seen(_end(event.link.src), _end(event.link.dst))

    @set_ev_cls(topology_event.EventLinkDelete)
    def on_link_lost(self, event: Any) -> None:
        """A link is silent, or one of its ports went down."""
        self.controller.link_lost(_end(event.link.src))

    @set_ev_cls(ofp_event.EventOFPPacketIn, MAIN_DISPATCHER)
    def on_packet(self, event: Any) -> None:
        """A frame for the controller: a probe, or ARP (LLDP is for Ryu's discovery)."""
        message = event.msg
        if self.controller.probes.arrived(message.datapath.id, message.data):
            return
        question = arp.parse(message.data)
        if question is not None:
            self.controller.arp(message.datapath, message.match["in_port"], question)

    @set_ev_cls(ofp_event.EventOFPExperimenter, MAIN_DISPATCHER)
    def on_experimenter(self, event: Any) -> None:
        """A vendor's own message, which means nothing here."""
        message = event.msg
        self.logger.warning(
            "switch %016x sent an experimenter message (0x%08x, type %d); it is passed over",
            message.datapath.id,
            message.experimenter,
            message.exp_type,
        )

    @set_ev_cls(ofp_event.EventOFPErrorMsg, MAIN_DISPATCHER)
    def on_error(self, event: Any) -> None:
        """A switch refused something."""
        message = event.msg
        self.controller.refused(message.datapath, message.type, message.code)


def _end(port: Any) -> LinkId:
    return LinkId(port.dpid, port.port_no)
