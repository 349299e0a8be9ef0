"""VPC, the scaler: its operations, their rules, and the pixels that they move."""

from fleet.ascend.vpc.engine import Vpc
from fleet.ascend.vpc.pixels import GRAY
from fleet.ascend.vpc.regions import Region

__all__ = ["GRAY", "Region", "Vpc"]
