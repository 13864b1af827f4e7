"""`heuresis sandbox build-image`: the image in which the docker jail runs programs."""

from __future__ import annotations

from typing import Annotated

import typer

from heuresis.cli.output import say


def build_image(
    base: Annotated[
        str, typer.Option(metavar="IMAGE", help="What to build on: Linux with this Python's minor version and pip.")
    ] = "",
    tag: Annotated[str, typer.Option(help="The image's name; HEURESIS_DOCKER_IMAGE names it to a run.")] = "",
    packages: Annotated[
        list[str] | None, typer.Option("--with", metavar="PACKAGE", help="What programs may import; repeatable.")
    ] = None,
    network: Annotated[str, typer.Option(help="Docker network to fetch packages over, such as host.")] = "",
) -> None:
    """Build the image of the docker jail, with the packages in the versions that are installed here."""
    from heuresis.sandbox import docker_image

    tag, base = tag or docker_image.DEFAULT_TAG, base or docker_image.DEFAULT_BASE
    with docker_image.daemon() as client:
        image = docker_image.build_image(client, tag, base, packages or (), network)
    say(f"{tag} is built from {base}: {image}")
