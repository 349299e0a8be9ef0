"""The shapes of vehicles."""

from __future__ import annotations

from fleet.street.figures.bus import bus
from fleet.street.figures.car import car
from fleet.street.figures.mesh import Mesh
from fleet.street.scene.actors import BUS, Actor


def mesh_of(actor: Actor) -> Mesh:
    """Return the shape of a vehicle."""
    return bus(actor.look) if actor.kind == BUS else car(actor.look)
