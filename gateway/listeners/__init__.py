"""The doors by which applications and operators come in. A family: the contract is listener.py."""
