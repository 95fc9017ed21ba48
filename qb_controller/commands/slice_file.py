"""Requests for slices from a YAML file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from qb_controller.applications.slice_requests import read_all
from qb_controller.errors import InputError


def read_file(path: str) -> Any:
    """Requests from a YAML (or JSON) file, checked as far as that goes without the network.

    Raises
    ------
    InputError
        The file cannot be read, is no YAML, or breaks the form; the text names file and field.
    """
    import yaml

    try:
        data = yaml.load(Path(path).read_text(encoding="utf-8"), _loader())
    except OSError as error:
        raise InputError(f"{path}: cannot read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" line {where.line + 1}:" if where is not None else ""
        what = getattr(error, "problem", None) or str(error)
        raise InputError(f"{path}:{line} {what}") from None
    try:
        read_all(data, time.time())
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return data


def _loader() -> Any:
    """YAML's safe loader, but times stay text, and a key given twice is an error."""
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    Loader.yaml_implicit_resolvers = {
        first: [(tag, regexp) for tag, regexp in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def mapping(loader: Any, node: Any) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen and isinstance(key.value, str):
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key.value} is given twice", key.start_mark
                )
            seen.add(str(key.value))
        return dict(yaml.SafeLoader.construct_mapping(loader, node, deep=True))

    Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    return Loader
