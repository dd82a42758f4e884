"""The lab: mail hosts with known keys and names, in network namespaces of their own."""
