from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from oslo_config import cfg

from qb_controller import config
from qb_controller.commands import calibrate
from qb_controller.errors import ConfigError
from qb_controller.knowledge import knowledge_of


def test_an_unknown_key_names_file_key_and_the_nearest(tmp_path: Path) -> None:
    file = tmp_path / "qb.conf"
    file.write_text("[DEFAULT]\nqb_backend = highs-lp\nqb_dedline = 1\nverbose = true\n")
    with pytest.raises(ConfigError, match=r"qb\.conf.*qb_dedline.*did you mean qb_deadline"):
        config.check_config_files([str(file)])


def test_known_keys_and_keys_of_others_pass(tmp_path: Path) -> None:
    file = tmp_path / "qb.conf"
    file.write_text("[DEFAULT]\nqb-interval = 2\nofp_tcp_listen_port = 6654\n")
    config.check_config_files([str(file)])


def test_options_are_read_from_command_line_and_file(tmp_path: Path) -> None:
    file = tmp_path / "qb.conf"
    file.write_text("[DEFAULT]\nqb_interval = 2\n")
    conf = cfg.ConfigOpts()
    config.register(conf)
    conf(["--config-file", str(file), "--qb-backend", "highs-mip"], project="ryu")
    assert (conf.qb_interval, conf.qb_backend, conf.qb_deadline) == (2.0, "highs-mip", 0.5)


def test_controller_and_commands_look_for_the_state_in_one_place() -> None:
    conf, parser = cfg.ConfigOpts(), argparse.ArgumentParser()
    config.register(conf)
    conf([], project="ryu")
    calibrate.add_arguments("model", parser)
    assert parser.parse_args([]).state == Path(conf.qb_state_dir)


def test_a_deadline_out_of_range_is_refused() -> None:
    conf = cfg.ConfigOpts()
    config.register(conf)
    with pytest.raises(SystemExit):
        conf(["--qb-deadline", "0"], project="ryu")


def test_knowledge_scales_a_topology_and_falls_back() -> None:
    known = knowledge_of("diamond", 10e6, 5e6)
    assert known.link(1, 2)[0] <= 10e6
    assert known.link(998, 999) == (5e6, 0.0)
    assert known.host_name("00:00:00:00:01:02") == "h258"
    assert known.host_name("be:ef:00:00:00:01") == "be:ef:00:00:00:01"


def test_an_unknown_topology_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="--qb-topology atlantis"):
        knowledge_of("atlantis", 10e6, 10e6)


def test_backends_that_do_not_exist_are_refused() -> None:
    families = {"highs-mip": "classical", "sa-blocks": "annealer"}

    def conf(*argv: str) -> cfg.ConfigOpts:
        made = cfg.ConfigOpts()
        config.register(made)
        made(list(argv), project="ryu")
        return made

    config.check_backends(conf("--qb-forbid", "te:annealer,sa-blocks"), families)
    with pytest.raises(ConfigError, match=r"qb_forbid: no such backend 'sa-block'.*sa-blocks"):
        config.check_backends(conf("--qb-forbid", "te:sa-block"), families)
    with pytest.raises(ConfigError, match=r"qb_backend.*there are highs-mip, sa-blocks"):
        config.check_backends(conf("--qb-backend", "zzz"), families)
