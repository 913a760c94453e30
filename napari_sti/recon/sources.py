"""Where edges of the mean susceptibility can be taken from; apart, since forms list them without torch."""

SOURCES = ("auto", "qsm", "cosmos", "edge_qsm", "tkd")
