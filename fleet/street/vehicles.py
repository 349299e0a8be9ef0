"""The shape of each vehicle."""

from __future__ import annotations

from fleet.street.actors import BUS, Actor
from fleet.street.bus import bus
from fleet.street.car import car
from fleet.street.mesh import Mesh


def mesh_of(actor: Actor) -> Mesh:
    """Give the shape of a vehicle."""
    return bus(actor.look) if actor.kind == BUS else car(actor.look)
