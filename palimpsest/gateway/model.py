"""The tenant that every request belongs to, until keys tell tenants apart."""

TENANT = "default"
