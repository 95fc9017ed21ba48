"""What happens to bytes on the OpenFlow port that are no message of OpenFlow 1.3.

Ryu waits for ever for the rest of garbage that announces 20,000 bytes, and logs a traceback for a
message of a type it does not know. Here garbage ends the connection and an unreadable message is
passed over, each with one line in the log that says whose it was.
"""

from __future__ import annotations

import logging
from typing import Any

from ryu.lib.dpid import dpid_to_str
from ryu.ofproto import ofproto_common, ofproto_parser

LOG = logging.getLogger(__name__)

_ryu_header = ofproto_parser.header
_parsers = ofproto_parser._MSG_PARSERS


def install() -> None:
    """Put it between Ryu's connections and its parsers."""
    ofproto_parser.header, ofproto_parser.msg = header, message


def header(buffer: bytes) -> tuple[int, int, int, int]:
    """Version, type, length and xid; the length of garbage is cut so that nothing is waited for."""
    version, kind, length, xid = _ryu_header(buffer)
    return version, kind, length if version in _parsers else ofproto_common.OFP_HEADER_SIZE, xid


def message(dp: Any, version: int, kind: int, length: int, xid: int, buffer: bytes) -> Any:
    """The message, or None where there is none to be had."""
    if not dp.is_active:
        return None  # the rest of what was received before it was closed
    agreed = dp.ofproto.OFP_VERSION
    if version not in _parsers or (dp.id is not None and version != agreed):
        LOG.warning(
            "%s sent something of version 0x%02x, which is not OpenFlow's 0x%02x; disconnected",
            _who(dp), version, agreed,
        )  # fmt: skip
        dp.is_active = False
        dp.close()
        return None
    try:
        return _parsers[version](dp, version, kind, length, xid, buffer)
    except Exception as error:
        LOG.warning(
            "%s sent an unknown or malformed message (type %d, %d bytes); it is passed over",
            _who(dp), kind, length,
        )  # fmt: skip
        LOG.debug("reading it ended in %s: %s", type(error).__name__, error)
        return None


def _who(dp: Any) -> str:
    who = f"switch {dpid_to_str(dp.id)}" if dp.id is not None else "a new connection"
    return f"{who} ({dp.address[0]}:{dp.address[1]})"
