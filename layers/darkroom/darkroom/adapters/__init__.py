"""Adapters of the ports to AWS. Only this package of the layer imports boto3."""
