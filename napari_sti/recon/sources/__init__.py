"""What methods of source separation are made of."""
