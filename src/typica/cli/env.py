"""typica env: versions, devices, and what is missing for which feature."""

from __future__ import annotations

from typing import Annotated

import typer


def env(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program.")] = False,
) -> None:
    """Show versions, devices, and what is missing for which feature."""
    import json
    from dataclasses import asdict

    from typica.actions.env import env as look

    found = look()
    if as_json:
        print(json.dumps(asdict(found), indent=2))
        return
    memory = f", {found.memory_gb} GB" if found.memory_gb else ""
    print(f"machine   {found.machine}, {found.cores} cores{memory}")
    print(f"devices   {', '.join(found.devices)}")
    for name, text in found.versions.items():
        print(f"{name:<13} {text}")
    for feature in found.features:
        if feature.missing:
            missing = ", ".join(feature.missing)
            print(f"missing   {feature.what}: {missing}; pip install 'typica[{feature.extra}]'")
        else:
            print(f"ready     {feature.what}")
