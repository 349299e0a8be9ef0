"""What runs beside a device: the frame path, from a lease to committed parts."""
